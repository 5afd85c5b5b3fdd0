//! The rules of alerts as fields.
import { Switch, TextField } from "../components/fields";
import { t } from "../i18n";
import { FLAGS, NUMBERS, type RuleNumber, type TypedRules } from "./draft";

interface RulesProps {
  rules: TypedRules;
  problems: Record<string, string[]>;
  onChange: (change: Partial<TypedRules>) => void;
}

export function Rules({ rules, problems, onChange }: RulesProps) {
  const m = t.value;
  return (
    <section class="card section">
      <h2>{m["alerts.rules"]}</h2>
      <p class="muted">{m["alerts.rulesText"]}</p>
      <div class="columns columns--three">
        {NUMBERS.map((name) => (
          <TextField
            key={name}
            label={m[`alerts.${name}`]}
            {...hintOf(name)}
            type="number"
            value={rules[name]}
            errors={problems[name]}
            onChange={(value) => onChange({ [name]: value })}
          />
        ))}
      </div>
      {FLAGS.map((name) => (
        <Switch
          key={name}
          label={m[`alerts.${name}`]}
          checked={rules[name]}
          onChange={(checked) => onChange({ [name]: checked })}
        />
      ))}
    </section>
  );
}

function hintOf(name: RuleNumber): { hint?: string } {
  return name.startsWith("gateway_") ? { hint: t.value["alerts.gatewayHint"] } : {};
}
