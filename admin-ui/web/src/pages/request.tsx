//! One request under its own address, for a colleague or a ticket.
import type { ComponentChildren } from "preact";
import { listChannels, showRequest } from "../api/client";
import type { Failure } from "../api/failure";
import type { RequestRow } from "../api/ledger";
import { FactList } from "../components/fact-list";
import { Link } from "../components/link";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Status } from "../components/status";
import { formatSecond, t } from "../i18n";
import { Detail } from "../requests/detail";
import { toneOf } from "../requests/rows";
import { resultOf } from "../requests/table";
import { useResource } from "../resource";

const isMissing = (failure: Failure | null) =>
  failure?.kind === "refused" && failure.status === 404;

export function RequestPage({ id }: { id: string }) {
  const m = t.value;
  const found = useResource(() => showRequest(id));
  // For the hints of upstream keys; the request is shown without them too.
  const channels = useResource(listChannels);
  const request = found.data.value;
  const failure = found.failure.value;
  return (
    <>
      <PageHead
        title={isMissing(failure) ? m["request.missing"] : m["request.title"]}
        intro={<code class="detail__id">{id}</code>}
      >
        <Link page="requests" class="button">
          {m["request.all"]}
        </Link>
      </PageHead>
      {isMissing(failure) ? (
        <div class="card state">
          <p>{m["request.missingText"]}</p>
          <button type="button" class="button" onClick={found.reload}>
            {m["app.retry"]}
          </button>
        </div>
      ) : (
        <FailureNotice failure={failure} title={m["request.failed"]} onRetry={found.reload} />
      )}
      {request === null && failure === null && (
        <div class="card skeleton" role="status" aria-label={m["request.loading"]} />
      )}
      {request !== null && !isMissing(failure) && (
        <div class="card section">
          <Summary of={request} />
          <Detail of={request} channels={channels.data.value ?? []} isPage />
        </div>
      )}
    </>
  );
}

function Summary({ of }: { of: RequestRow }) {
  const m = t.value;
  const facts: [string, ComponentChildren][] = [
    [
      m["requests.result"],
      <Status key="result" tone={toneOf(of)}>
        {resultOf(of)}
      </Status>,
    ],
    [
      m["requests.time"],
      <time key="time" dateTime={of.time} title={of.time}>
        {formatSecond(of.time)}
      </time>,
    ],
    [m["usage.model"], of.model === "" ? "–" : <code key="model">{of.model}</code>],
    [m["usage.key"], of.key_name],
    [m["routing.channel"], of.channel_name ?? "–"],
  ];
  return <FactList of={facts} kind="facts--grid" />;
}
