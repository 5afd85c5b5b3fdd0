// The worker's entry: what workerd looks for, by name.

import { answer } from "./io.mjs";

export { Allowance, Records } from "./objects.mjs";

export default { fetch: (request, _env, context) => answer(request, context) };
