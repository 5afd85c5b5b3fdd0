//! The switches for language and theme.
import { chooseTheme, THEMES, theme } from "../design/theme";
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, language, t } from "../i18n";

export function Preferences() {
  return (
    <div class="preferences">
      <Choice
        label={t.value["preference.language"]}
        value={language.value}
        values={LANGUAGES}
        name={(value) => LANGUAGE_NAMES[value]}
        onChoose={chooseLanguage}
      />
      <Choice
        label={t.value["preference.theme"]}
        value={theme.value}
        values={THEMES}
        name={(value) => t.value[`theme.${value}`]}
        onChoose={chooseTheme}
      />
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  values: readonly T[];
  name: (value: T) => string;
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ label, value, values, name, onChoose }: ChoiceProps<T>) {
  return (
    <select
      class="select"
      aria-label={label}
      value={value}
      onChange={(event) => {
        const chosen = values.find((one) => one === event.currentTarget.value);
        if (chosen !== undefined) {
          onChoose(chosen);
        }
      }}
    >
      {values.map((one) => (
        <option key={one} value={one}>
          {name(one)}
        </option>
      ))}
    </select>
  );
}
