//! In place of the chart of costs where nothing has a price: the way to the prices.
import { Link } from "../components/link";
import { t } from "../i18n";
import { may } from "../session/roles";

export function SetPrices() {
  const m = t.value;
  return (
    <section class="card chart chart--none" aria-label={m["usage.cost"]}>
      <h3 class="chart__title">{m["usage.cost"]}</h3>
      <p class="muted">{m["first.noCost"]}</p>
      {may("admin") && (
        <Link page="settings" query={{ section: "prices" }} class="button">
          {m["first.setPrices"]}
        </Link>
      )}
    </section>
  );
}
