//! The setting of who may look at the panel beside those who manage the gateway.
import { useSignal } from "@preact/signals";
import { Switch } from "../components/fields";
import { t } from "../i18n";
import { SettingsForm } from "./settings-form";
import { type FormProps, useSaving } from "./use-saving";

export function AccessForm(props: FormProps) {
  const m = t.value;
  const members = useSignal(props.loaded.settings.member_login);
  const saving = useSaving(props, { member_login: members.value });
  return (
    <SettingsForm title={m["access.title"]} saving={saving}>
      <Switch
        label={m["access.member_login"]}
        checked={members.value}
        onChange={(checked) => {
          members.value = checked;
        }}
      />
      <p class="field__hint">{m["access.member_login.hint"]}</p>
    </SettingsForm>
  );
}
