import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { restore } from "./api/session";
import { queries, router } from "./app/router";
import { showTheme } from "./parts/theme";
import "./styles/index.css";
import { preferred, speak } from "./texts";

showTheme();
await Promise.all([speak(preferred()), restore()]);
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
