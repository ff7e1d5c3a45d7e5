export const ROLES = ["driver", "owner", "admin"] as const;
export type PeopleSearch = { email?: string; role?: (typeof ROLES)[number] };
const LONGEST = 254;

/** What the address says of whom to show. */
export function readPeopleSearch({ email, role }: Record<string, unknown>): PeopleSearch {
  const known = ROLES.find((name) => name === role);
  return { ...(typeof email === "string" && email && { email: email.slice(0, LONGEST) }), ...(known && { role: known }) };
}
