import type { Schema } from "./client";

/** The plugs that people name, commonest first. */
export const PLUGS: Schema<"ConnectorType">[] = [
  "IEC_62196_T2_COMBO",
  "IEC_62196_T2",
  "CHADEMO",
  "IEC_62196_T1_COMBO",
  "IEC_62196_T1",
  "SAE_J3400",
  "GBT_DC",
  "GBT_AC",
];
