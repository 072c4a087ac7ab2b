import { defineExtractor } from "../contract/define.ts";
import type { Emit, EventView } from "../contract/extractor.ts";
import { fieldTable } from "../contract/fields.ts";
import { isInternal } from "../intel/address-ranges.ts";
import { canonicalIp } from "../intel/canonical-ip.ts";
import { text } from "../model/json.ts";
import type { Role } from "../model/observable.ts";

const ENVELOPE = /\b(from|to|orig_to|sender|recipient)=<?([^\s<>,;@]{1,64}@[^\s<>,;@]{3,255})>?/gi;
const HELO = /\bhelo=<([^\s<>]{3,255})>/;
/** `from unknown[1.2.3.4]`, `from mail.example.com[1.2.3.4]:25`. */
const CLIENT = /\bfrom ([a-z0-9._-]{1,253})\[([0-9a-f.:]{3,45})\]/i;
/** Postfix, Sendmail, Exim, milters: the message or the client was turned away. */
const REFUSED =
  /\b(?:NOQUEUE: (?:milter-)?reject|milter-reject:|reject(?:ed)?[:=]|rejected (?:RCPT|MAIL|EHLO|HELO|after|by|connection|because))|\bblocked using |ruleset=check_\w{1,32},.{0,400}reject/i;
const DECODERS = /^(?:postfix|sendmail|exim|dovecot|smtpd|mailscanner|courier|amavis|rspamd|exchange|fortimail)/;
const MAX_ADDRESSES = 64;

/** Mail servers and mail security: envelope, headers, attachments. */
export default defineExtractor({
  name: "mail",
  fields: fieldTable(
    [
      "list",
      ["email"],
      "sender",
      "sender sender_address mail_from mail_from_address senderaddress senderfromaddress sendermailfromaddress from_address " +
        "envelope_from return_path reply_to replyto reply_to_address replytoaddress email_from email_from_address p1sender p2sender email_sender_address",
    ],
    [
      "list",
      ["email"],
      "recipient",
      "recipient recipients recipient_address recipientemailaddress mail_to rcpt_to email_to email_to_address to_address delivered_to cc bcc email_cc_address",
    ],
    ["value", ["email"], "sender", "from"],
    ["list", ["email"], "recipient", "to"],
    [
      "value",
      ["domain", "ip"],
      "sender",
      "helo helo_name sender_domain senderdomain senderfromdomain sendermailfromdomain from_domain",
    ],
    ["value", ["ip"], "source", "senderip sender_ip senderipv4 senderipv6 connecting_ip sending_ip"],
    [
      "list",
      ["filename"],
      "file",
      "attachment attachments attachment_name attachmentname attachment_names attachment_file_name attachments_name attachments_filename attachments_file_name",
    ],
    [
      "skip",
      [],
      "text",
      "message_id messageid internetmessageid internet_message_id networkmessageid queue_id queueid",
    ],
  ),
  applies: (event) =>
    DECODERS.test(text(event, "decoder", "name") ?? "") ||
    DECODERS.test(text(event, "predecoder", "program_name") ?? "") ||
    text(event, "decoder", "parent") === "postfix",
  derive(event, emit) {
    const line = text(event, "full_log")?.slice(0, 8_192);
    if (line === undefined) return;
    let left = MAX_ADDRESSES;
    for (const [, name, address] of line.matchAll(ENVELOPE)) {
      if (left-- <= 0) break;
      emit("email", address!, roleOf(name!), "full_log");
    }
    hosts(line, emit);
  },
  view(event): EventView {
    const line = text(event, "full_log")?.slice(0, 8_192) ?? "";
    const client = text(event, "data", "srcip") ?? CLIENT.exec(line)?.[2];
    const refused = text(event, "decoder", "name") === "postfix-reject" || REFUSED.test(line.slice(0, 1_024));
    if (!refused) return {};
    const inside = client !== undefined && isInternal(canonicalIp(client) ?? client);
    return { outcome: "denied", ...(inside ? {} : { direction: "inbound" as const }) };
  },
});

function roleOf(name: string): Role {
  return /^(?:from|sender)$/i.test(name) ? "sender" : "recipient";
}

function hosts(line: string, emit: Emit): void {
  const helo = HELO.exec(line)?.[1];
  if (helo !== undefined) {
    emit("ip", helo, "sender", "full_log");
    emit("domain", helo, "sender", "full_log");
  }
  const client = CLIENT.exec(line);
  if (client === null) return;
  emit("domain", client[1]!, "client", "full_log");
  emit("ip", client[2]!, "client", "full_log");
}
