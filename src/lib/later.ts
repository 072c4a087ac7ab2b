import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

/** A package that is loaded when it is first asked for: some take a tenth of a second, which commands that need none of them save. */
export function later<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= load(name) as T;
    return loaded;
  };
}
