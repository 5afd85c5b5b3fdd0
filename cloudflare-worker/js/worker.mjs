// The worker's entry: what workerd looks for, by name.

import { fetch } from "./index.js";

export { Allowance, Records } from "./objects.mjs";

export default { fetch: (request, env, context) => fetch(request, env, context) };
