//! The entry: styles, the session check, the first drawing.
import "./design/tokens.css";
import "./design/base.css";
import "./design/layout.css";
import "./design/controls.css";
import "./design/status.css";
import "./design/pages.css";
import "./design/bulk.css";
import "./design/usage.css";
import "./design/log.css";
import "./design/editing.css";
import "./design/widths.css";
import { render } from "preact";
import { App } from "./app";
import { loadLanguage } from "./i18n";
import { checkSession } from "./session/session";

const root = document.getElementById("app");
if (root === null) {
  throw new Error("index.html has no #app");
}
void loadLanguage().then(() => render(<App />, root));
void checkSession();
