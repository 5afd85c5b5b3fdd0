//! The models that the playground offers where no channel lists any: those that the channels' upstreams name.
import { listChannels, upstreamModels } from "../api/client";
import { servedModels } from "../api/types";

/** Upstreams that are asked: many such channels are no reason to call all of them. */
const MOST_ASKED = 4;

/** The models of channels without a list of their own; empty where no upstream names any. */
export async function unlistedModels(): Promise<string[]> {
  const channels = await listChannels();
  if (!channels.ok) {
    return [];
  }
  const open = channels.value.filter((one) => one.enabled && servedModels(one).length === 0);
  const lists = await Promise.all(
    open.slice(0, MOST_ASKED).map(({ id }) => upstreamModels({ channel_id: id })),
  );
  return [...new Set(lists.flatMap((list) => (list.ok ? list.value : [])))].sort();
}
