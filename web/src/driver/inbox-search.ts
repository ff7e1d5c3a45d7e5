/** What the address says of the messages shown. */
export const readUnread = ({ unread }: Record<string, unknown>): { unread?: true } =>
  unread === true || unread === "true" ? { unread: true } : {};
