import type { Environment } from "./environment.ts";

/**
 * What the one writer of an environment holds of its tables in memory, so that it need not be looked up and decoded again and again.
 * It is changed in memory within a transaction and written at its end, once however often it changed.
 */
export interface Mirror {
  /** Before a transaction. */
  begin(): void;
  /** Within the transaction, at its end: writes what changed. */
  flush(): void;
  /** The transaction is on disk. */
  commit(): void;
  /** It failed: what is held may not be what is on disk, and is read anew when it is wanted next. */
  forget(): void;
}

/** The environment with transactions that take the mirrors along, whole or not at all. */
export function mirroring(environment: Environment, mirrors: readonly Mirror[]): Environment {
  return {
    ...environment,
    transact: (operation, bytes) => {
      try {
        for (const mirror of mirrors) mirror.begin();
        const result = environment.transact(() => {
          const result = operation();
          for (const mirror of mirrors) mirror.flush();
          return result;
        }, bytes);
        for (const mirror of mirrors) mirror.commit();
        return result;
      } catch (thrown) {
        for (const mirror of mirrors) mirror.forget();
        throw thrown;
      }
    },
  };
}
