//! 初次使用的中文文案。
import type { firstEn } from "./first.en";

export const firstZh: typeof firstEn = {
  "first.title": "三步获得第一个回答",
  "first.text": "在第一个请求成功之前，这些步骤会一直显示。",
  "first.done": "已完成",
  "first.open": "待完成",
  "first.channel": "添加渠道",
  "first.channelText": "上游服务及其密钥：选择预设并粘贴密钥。",
  "first.channelDo": "添加渠道",
  "first.key": "创建客户端密钥",
  "first.keyText": "程序凭它使用本网关，并附有常用工具的配置片段。",
  "first.keyDo": "创建客户端密钥",
  "first.play": "发送请求",
  "first.playText": "操练场与普通客户端一样对话，并显示由哪个渠道回答、速度如何。",
  "first.playDo": "打开操练场",

  "first.noCost": "没有费用：这些模型都没有设置价格。",
  "first.setPrices": "设置价格",
};
