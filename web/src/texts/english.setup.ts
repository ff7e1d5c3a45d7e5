import { speak } from "./index";

// Tests read English unless they say otherwise.
await speak("en");
