//! The list of channels: what the gateway can forward to, and how its keys are doing.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { listChannels } from "../api/client";
import type { Failure } from "../api/failure";
import type { Channel } from "../api/types";
import { ChannelTable } from "../components/channel-table";
import { Heading } from "../components/heading";
import { ReloadIcon } from "../components/icons";
import { failureText, Notice } from "../components/notice";
import { t } from "../i18n";
import { keyStorage, watched } from "../session/session";

export function ChannelsPage() {
  const channels = useSignal<Channel[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  const loading = useSignal(true);

  async function load() {
    loading.value = true;
    const result = watched(await listChannels());
    loading.value = false;
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      channels.value = result.value;
    }
  }

  useEffect(() => {
    void load();
  }, []);

  const list = channels.value;
  return (
    <>
      <div class="page__head">
        <div>
          <Heading>{t.value["channels.title"]}</Heading>
          <p class="page__intro" role="status">
            {loading.value
              ? t.value["channels.loading"]
              : list !== null && t.value["channels.count"](list.length)}
          </p>
        </div>
        <button
          type="button"
          class="button"
          aria-disabled={loading.value}
          onClick={() => loading.value || load()}
        >
          <ReloadIcon />
          {t.value["channels.reload"]}
        </button>
      </div>
      {failure.value !== null && (
        <Notice tone="bad" title={t.value["channels.failed"]}>
          <p>{failureText(failure.value)}</p>
          <button type="button" class="button notice__action" onClick={load}>
            {t.value["app.retry"]}
          </button>
        </Notice>
      )}
      <KeyStorageNotice hasKeys={list?.some((channel) => channel.keys.length > 0) ?? false} />
      {list?.length === 0 && (
        <div class="card state">
          <h2>{t.value["channels.empty"]}</h2>
          <p>{t.value["channels.emptyText"]}</p>
        </div>
      )}
      {list !== null && list.length > 0 && <ChannelTable channels={list} />}
    </>
  );
}

/** Keys in clear are worth a sentence only where there are keys; a wrong master key always is. */
function KeyStorageNotice({ hasKeys }: { hasKeys: boolean }) {
  const storage = keyStorage.value;
  if (storage === null) {
    return null;
  }
  if (storage.masterKeyError !== null) {
    return (
      <Notice tone="bad" title={t.value["keys.masterKeyUnusable"]}>
        <p>{storage.masterKeyError}</p>
      </Notice>
    );
  }
  if (storage.encrypted || !hasKeys) {
    return null;
  }
  return (
    <Notice tone="info" title={t.value["keys.inClear"]}>
      <p>{t.value["keys.inClearText"]}</p>
    </Notice>
  );
}
