//! Texts about who uses the panel that are needed from the start: logging in and roles, in English.

export const peopleEn = {
  "nav.accounts": "Accounts",
  "login.name": "Name",
  "login.nameHint": "Leave it empty for the admin password.",
  "login.code": "One-time code",
  "login.codeHint": "From your authenticator app; or a recovery code.",
  "login.codeNeeded": "Enter the code that your authenticator app shows.",
  "login.key": "Client key",
  "login.keyHint": "Shows the limits, usage and requests of this key, and nothing else.",
  "login.withKey": "Log in with a client key",
  "login.withPassword": "Log in with a password",
  "login.wrongAccount": "The name, the password or the code is wrong.",
  "login.wrongKey": "There is no such client key, or it is disabled or expired.",
  "login.emptyKey": "Enter the client key.",
  "login.with": (label: string) => `Sign in with ${label}`,
  "login.expired": "The sign-in took too long, or belongs to another tab. Try again.",
  "login.denied": "The sign-in was cancelled or denied.",
  "login.no_role": "Your account has no role in this gateway. Ask its owner for access.",
  "login.failed": (code: string) =>
    `The sign-in failed (${code}). The gateway's log has the details.`,
  "role.owner": "Owner",
  "role.admin": "Admin",
  "role.viewer": "Viewer",
  "role.member": "Member",
  "role.denied": (role: string) => `Your role (${role}) cannot do this.`,
  "role.viewing": "You can look at everything here. Your role cannot change anything.",
  "access.title": "Access for holders of client keys",
  "access.member_login": "Client keys can log in here",
  "access.member_login.hint":
    "Anyone with a client key sees its limits, usage and requests, and nothing else.",
};
