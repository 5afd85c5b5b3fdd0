//! The one moment at which a client key is on the screen. It does not go by a key that was pressed too much, and not
//! without a question when the page is left.
import { listChannels } from "../api/client";
import type { CreatedKey } from "../api/types";
import { Snippet } from "../components/copy";
import { Dialog } from "../components/dialog";
import { Unsaved } from "../components/unsaved";
import { formatTime, t } from "../i18n";
import { useResource } from "../resource";
import { exampleModel } from "./snippets";
import { UseIt } from "./use-it";

interface CreatedProps {
  created: CreatedKey;
  onClose: () => void;
}

export function Created({ created, onClose }: CreatedProps) {
  const m = t.value;
  // The examples should work as they are, so they name a model that is served; the key does not wait for that.
  const channels = useResource(listChannels);
  const { previous } = created;
  return (
    <Dialog title={m["clients.createdTitle"](created.name)} wide>
      <Unsaved when />
      <p>
        {previous === null
          ? m["clients.createdText"]
          : m["rotate.doneText"](previous.hint, formatTime(previous.valid_until))}
      </p>
      <Snippet text={created.key} label={m["clients.key"]} />
      <h3>{m["clients.use"]}</h3>
      <UseIt secret={created.key} model={exampleModel(created, channels.data.value ?? [])} />
      <div class="actions actions--end">
        <button type="button" class="button button--primary" onClick={onClose}>
          {m["clients.done"]}
        </button>
      </div>
    </Dialog>
  );
}
