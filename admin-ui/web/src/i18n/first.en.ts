//! Texts of the first minutes, in English.

export const firstEn = {
  "first.title": "Three steps to the first answer",
  "first.text": "They stay here until the first request has been answered.",
  "first.done": "Done",
  "first.open": "To do",
  "first.channel": "Add a channel",
  "first.channelText": "An upstream service with its keys: pick a preset and paste a key.",
  "first.channelDo": "Add a channel",
  "first.key": "Create a client key",
  "first.keyText":
    "With it a program may use this gateway. Snippets for common tools come with it.",
  "first.keyDo": "Create a client key",
  "first.play": "Send a request",
  "first.playText":
    "The playground chats as any client would, and shows which channel answered and how fast.",
  "first.playDo": "Open the playground",

  "first.noCost": "No costs: none of these models has a price.",
  "first.setPrices": "Set prices",
};
