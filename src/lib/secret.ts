const hidden = new WeakMap<Secret, string>();

/** A value that must never be printed: `toString`, `toJSON` and `util.inspect` all give `[secret]`. */
export class Secret {
  constructor(value: string) {
    hidden.set(this, value);
  }
  /** The value itself; call it only where it goes on the wire. */
  reveal(): string {
    return hidden.get(this) ?? "";
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}
