//! A page that is loaded when it is first visited: the first view need not wait for all of them.
import { useSignal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { Notice } from "./notice";

export function lazy<P extends object>(
  load: () => Promise<FunctionComponent<P>>,
): FunctionComponent<P> {
  let Loaded: FunctionComponent<P> | null = null;
  return (props) => {
    const isReady = useSignal(Loaded !== null);
    const hasFailed = useSignal(false);
    useEffect(() => {
      if (Loaded === null) {
        load().then(
          (component) => {
            Loaded = component;
            isReady.value = true;
          },
          () => {
            hasFailed.value = true;
          },
        );
      }
    }, []);
    if (isReady.value && Loaded !== null) {
      return <Loaded {...props} />;
    }
    if (hasFailed.value) {
      // A gateway of another version has other files.
      return (
        <Notice tone="bad" title={t.value["app.pageFailed"]}>
          <button type="button" class="button notice__action" onClick={() => location.reload()}>
            {t.value["app.retry"]}
          </button>
        </Notice>
      );
    }
    return <div class="card skeleton" aria-hidden="true" />;
  };
}
