//! Texts of how channels and keys are doing, and of their tests, in English.

export const healthEn = {
  "health.ok": "Healthy",
  "health.disabled": "Disabled",
  "health.notReady": "Needs a key",
  "health.noKeys": "No enabled key",
  "health.cooling": "Cooling",
  "health.failed": "Last call failed",
  "health.keysRejected": "Keys rejected",
  "health.keysCooling": "All keys cooling",
  "health.degraded": "Degraded",
  "health.unused": "Not used yet",
  "health.unknown": "Unknown",
  "health.notReadyText":
    "The provider requires a key. Until one is added, no request is sent there.",
  "health.unknownText":
    "No call is recorded: the request log is switched off or cannot be read. Run a test to find out.",
  "health.unusedText": "No request and no test has used it yet.",
  "health.worked": (time: string) => `Last success ${time}`,
  "health.neverWorked": "No success is recorded",
  "health.failedAt": (time: string) => `Failed ${time}`,
  "health.for": (duration: string) => `for ${duration}`,
  "health.soon": "retried by the next request",

  "key.ok": "OK",
  "key.ready": "Ready",
  "key.failed": "Last call failed",
  "key.unused": "Not used yet",
  "key.unknown": "Unknown",
  "key.cooling": "Cooling",
  "key.probing": "Retried by the next request",
  "key.rejected": "Rejected",
  "key.disabled": "Disabled",

  "test.allKeys": "Test all keys",
  "testAll.open": "Test all",
  "testAll.title": "Test all channels",
  "testAll.text":
    "Makes one small, real request with every key of every channel, including disabled ones.",
  "testAll.run": "Start",
  "testAll.again": "Test again",
  "testAll.stop": "Stop",
  "testAll.progress": (done: number, all: number) => `${done} of ${all} channels tested`,
  "testAll.sum": (passed: number, failed: number) => `${passed} passed, ${failed} failed`,
  "testAll.waiting": "Waiting",
  "testAll.running": "Testing…",
  "testAll.stopped": "Not tested",
  "testAll.passed": "Test passed",
  "testAll.failed": "Test failed",
  "testAll.keyless": "no key",
  "testAll.results": "Results",
  "testAll.onlyFailed": "Only failures",
  "testAll.disable": (count: number) =>
    count === 1 ? "Disable 1 rejected key" : `Disable ${count} rejected keys`,
  "testAll.disableText":
    "The upstream rejected these keys: they are wrong, or may not use the model.",
  "testAll.disabled": (count: number) =>
    count === 1 ? "1 key is disabled." : `${count} keys are disabled.`,
  "testAll.notDisabled": "Some keys could not be changed",
};
