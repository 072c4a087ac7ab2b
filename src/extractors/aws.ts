import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

/** AWS: CloudTrail, GuardDuty, VPC flow, S3 access, Route 53, WAF, Security Lake (OCSF). */
export default defineExtractor({
  name: "aws",
  fields: fieldTable(
    [
      "value",
      ["ip", "domain"],
      "source",
      "aws_sourceipaddress aws_source_ip_address aws_srcaddr aws_remote_ip src_endpoint_ip aws_httprequest_clientip aws_client_ip srcaddr",
    ],
    ["value", ["ip", "domain"], "destination", "aws_dstaddr dst_endpoint_ip dstaddr"],
    ["value", ["ip"], "remote", "remoteipdetails_ipaddressv4 remoteipdetails_ipaddressv6"],
    [
      "value",
      ["ip"],
      "local",
      "privateipaddress publicip publicipaddress localipdetails_ipaddressv4 ipv6addresses ipv4addresses",
    ],
    ["value", ["domain"], "local", "privatednsname publicdnsname"],
    ["value", ["domain", "ip"], "query", "dnsrequestaction_domain query_hostname_aws"],
    ["value", ["asn"], "remote", "organization_asn"],
    ["value", ["domain"], "server", "aws_host_header"],
    [
      "skip",
      [],
      "text",
      "aws_bucket_owner aws_host_id aws_eventid aws_id aws_request_id aws_requestid aws_sharedeventid aws_log_info_log_file " +
        "aws_useridentity_accesskeyid aws_eventversion userid_accesskeyid aws_signature_version invokedby aws_useridentity_arn " +
        "cloud_account_uid aws_service_eventfirstseen",
    ],
  ),
  applies: (event) => isJsonObject(get(event, "data", "aws")),
  view(event): EventView {
    const aws = get(event, "data", "aws");
    const failed = text(aws, "errorCode") ?? text(aws, "responseElements", "ConsoleLogin");
    return {
      ...(failed !== undefined && /fail|denied|unauthorized/i.test(failed) ? { outcome: "failure" as const } : {}),
      ...(text(aws, "service", "action", "networkConnectionAction", "connectionDirection") === "OUTBOUND"
        ? { direction: "outbound" as const }
        : {}),
      facts: factsFrom({
        user: text(aws, "userIdentity", "userName") ?? text(aws, "userIdentity", "arn"),
        src: text(aws, "sourceIPAddress") ?? text(aws, "source_ip_address") ?? text(aws, "srcaddr"),
        dst: text(aws, "dstaddr"),
      }),
    };
  },
});
