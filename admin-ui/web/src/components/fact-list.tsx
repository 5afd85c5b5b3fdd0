//! Names with their values, in the order given.
import type { ComponentChildren } from "preact";

interface FactListProps {
  /** What has no value, `null`, is left out. */
  of: readonly (readonly [name: string, value: ComponentChildren])[];
  /** Classes beside `facts`. */
  kind?: string;
}

export function FactList({ of, kind }: FactListProps) {
  return (
    <dl class={kind === undefined ? "facts" : `facts ${kind}`}>
      {of.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
