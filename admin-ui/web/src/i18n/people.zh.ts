//! Texts about who uses the panel that are needed from the start: logging in and roles, in Chinese.
import type { peopleEn } from "./people.en";

export const peopleZh: typeof peopleEn = {
  "nav.accounts": "账户",
  "login.name": "用户名",
  "login.nameHint": "使用管理员密码登录时留空。",
  "login.code": "一次性验证码",
  "login.codeHint": "来自身份验证器应用，也可使用恢复码。",
  "login.codeNeeded": "请输入身份验证器应用显示的验证码。",
  "login.key": "客户端密钥",
  "login.keyHint": "仅显示该密钥自身的限额、用量和请求记录。",
  "login.withKey": "使用客户端密钥登录",
  "login.withPassword": "使用密码登录",
  "login.wrongAccount": "用户名、密码或验证码错误。",
  "login.wrongKey": "没有该客户端密钥，或其已停用、已过期。",
  "login.emptyKey": "请输入客户端密钥。",
  "role.owner": "所有者",
  "role.admin": "管理员",
  "role.viewer": "只读",
  "role.member": "成员",
  "role.denied": (role) => `当前角色（${role}）无权执行此操作。`,
  "role.viewing": "您可以查看所有内容，但当前角色不能做任何修改。",
  "access.title": "客户端密钥持有者的访问",
  "access.member_login": "允许使用客户端密钥登录面板",
  "access.member_login.hint": "持有客户端密钥者只能查看该密钥的限额、用量和请求记录。",
};
