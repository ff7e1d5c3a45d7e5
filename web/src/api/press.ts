import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Problem } from "./client";
import { keyOf } from "./keys";

const WAITS_MS = [600, 1500, 3000];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends with the press's key, and again with the same where nobody knows what became of it. */
export async function press<T>(key: string, settle: () => void, send: (key: string) => Promise<T>): Promise<T> {
  for (const wait of [...WAITS_MS, null]) {
    try {
      const answer = await send(key);
      settle();
      return answer;
    } catch (error) {
      const isAnswer = error instanceof Problem && !error.isOpen;
      if (isAnswer) settle();
      if (isAnswer || wait === null || !(error instanceof Problem)) throw error;
      await pause(wait);
    }
  }
  throw new Error("unreachable");
}

type Options<V, T> = {
  name: string;
  send: (variables: V, key: string) => Promise<T>;
  done?: (answer: T, variables: V) => unknown;
  /** The first words of the query keys that are read anew after it. */
  stale?: string[];
  /** Whether its key outlives the page: what it sends is written beside it, so never for what holds a password. */
  isKept?: boolean;
};

/** A button that changes something: pressed twice it sends once. */
export function usePress<V, T>({ name, send, done, stale = [], isKept = false }: Options<V, T>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (variables: V) => {
      const { key, settle } = isKept ? keyOf(name, variables, sessionStorage) : { key: crypto.randomUUID(), settle: () => {} };
      return press(key, settle, (sent) => send(variables, sent));
    },
    onSuccess: async (answer, variables) => {
      for (const first of stale) void queries.invalidateQueries({ queryKey: [first] });
      await done?.(answer, variables);
    },
  });
}
