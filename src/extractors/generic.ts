import { defineExtractor } from "../contract/define.ts";
import { fieldTable } from "../contract/fields.ts";

/** Names that mean the same in many products. */
export default defineExtractor({
  name: "generic",
  fields: fieldTable(
    [
      "value",
      ["ip", "domain"],
      "source",
      "srcip src_ip source_ip sourceip srcip2 src_addr src_address saddr source_addr sourceaddress src source_host srchost src_host identsrc " +
        "actor_ip attacker_ip attackerip origin_ip initiator_ip callingip login_ip ip_src",
    ],
    [
      "value",
      ["ip", "domain"],
      "destination",
      "dstip dst_ip dest_ip destip destinationip destination_ip dest_addr dst_addr dst_address daddr dest_address destaddress destination_addr " +
        "dst dest dest_host destination_host target_ip targetip ip_dst responder_ip",
    ],
    [
      "value",
      ["ip", "domain"],
      "remote",
      "remote_ip remote_addr remote_address remoteip remoteaddr remoteaddress remote_host remotehost peerip",
    ],
    [
      "value",
      ["ip", "domain"],
      "text",
      "ip ip_address ipaddress ipaddr ip_addr ipv4 ipv6 address host hostname host_name fqdn domain domain_name dns_name devicednsname dnsname dns_hostname computerdnsname ioc_ip ioc_domain",
    ],
    ["value", ["url"], "request", "link href download_url ioc_url file_url client_url request_full_url"],
    ["value", ["md5"], "file", "md5 md5_hash hash_md5 filemd5 md5sum md5hash"],
    ["value", ["sha1"], "file", "sha1 sha1_hash hash_sha1 filesha1 sha1sum sha1hash"],
    ["value", ["sha256"], "file", "sha256 sha256_hash hash_sha256 filesha256 sha256sum sha256hash"],
    ["value", ["sha512"], "file", "sha512 sha512_hash hash_sha512"],
    ["value", ["sha224"], "file", "sha224 hash_sha224"],
    ["value", ["sha384"], "file", "sha384 hash_sha384"],
    ["value", ["imphash"], "file", "imphash hash_imphash pe_imphash"],
    ["value", ["ja3"], "fingerprint", "ja3 ja3s"],
    [
      "value",
      ["x509"],
      "certificate",
      "cert_fingerprint certificate_fingerprint thumbprint cert_sha1 cert_sha256 cert_hash certificate_sha1 certificate_sha256",
    ],
    ["hashes", [], "file", "hash hashes file_hash filehash sourceprocesshash analyticscksum"],
    ["value", ["filename", "path"], "file", "filename file_name originalfilename original_file_name"],
    ["value", ["path"], "file", "file file_path filepath package_path infected_file_path sourcefilepath full_path"],
    ["value", ["path"], "image", "image process_path process_image image_path exe_path"],
    ["value", ["path"], "parent-image", "parent_process_path parent_image_path parent_image parentimage"],
    ["value", ["regkey"], "registry", "regkey registry_key registrykey registry_path registrypath reg_key"],
    ["value", ["regkey", "path"], "target", "targetpath target_path"],
    ["value", ["mutex"], "text", "mutex mutex_name mutant mutexname"],
    ["value", ["email"], "text", "email e_mail mail email_address emailaddress mailaddress"],
    [
      "value",
      ["email"],
      "user",
      "user username user_name usrname account account_name accountname actor login user_email useremail principal",
    ],
    ["value", ["asn"], "text", "asn as_number asnumber autonomous_system_number autonomoussystemnumber"],
    [
      "command",
      [],
      "command",
      "command cmd cmdline command_line commandline process_command_line process_commandline process_args process_cmdline script script_text powershell_command executed_command arguments",
    ],
    [
      "skip",
      [],
      "text",
      "guid uuid session_id sessionid session_guid request_id requestid reqid correlation_id trace_id traceid span_id spanid transaction_id transactionid " +
        "token access_token refresh_token id_token cookie cookies cookiei cookier csrf_token nonce api_key apikey access_key password passwd secret signature_id etag " +
        "version ver os_version product_version client_version agent_version app_version build schema_version metadata_version productversion analyzerversion " +
        "oscap_check_oval_id oscap_check_id oscap_scan_benchmark_id oscap_scan_profile_id oscap_scan_content logged_at created_at cwd",
    ],
  ),
});
