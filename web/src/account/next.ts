/** Where to go after signing in: a path of ours, never another site. */
export const readNext = ({ next }: Record<string, unknown>): { next?: string } =>
  typeof next === "string" && /^\/(?![/\\])/.test(next) ? { next } : {};
