import { defineExtractor } from "../contract/define.ts";
import { fieldTable } from "../contract/fields.ts";

/** Every `a_b` and `ab` of two lists of words. */
function pairs(first: string, second: string): string {
  return first
    .split(" ")
    .flatMap((a) => second.split(" ").flatMap((b) => [`${a}_${b}`, `${a}${b}`]))
    .join(" ");
}

const ADDRESS = "ip addr address ipaddr ipaddress ip_address ipv4 ipv6 ip4 ip6 host hostname host_name fqdn domain";

/** Names that mean the same in many products. */
export default defineExtractor({
  name: "generic",
  fields: fieldTable(
    [
      "value",
      ["ip", "domain"],
      "source",
      `${pairs("src source", ADDRESS)} srcip2 saddr src srcname source_name identsrc ${pairs("actor attacker initiator calling login", "ip")} origin_ip ` +
        "attacker_address ip_src originating_ip orig_ip orig_host session_source_ip cef_shost cef_sourcednsdomain assigned_addr",
    ],
    [
      "value",
      ["ip", "domain"],
      "destination",
      `${pairs("dst dest destination", ADDRESS)} daddr dst dest target_ip targetip target_host targethost target_address ip_dst responder_ip responderip resp_ip resp_host ` +
        "cef_dhost cef_destinationdnsdomain",
    ],
    [
      "value",
      ["ip", "domain"],
      "remote",
      `${pairs("remote", ADDRESS)} peerip remoteaddressip4 remoteaddressip6 foreign_address foreign_ip`,
    ],
    [
      "value",
      ["ip", "domain"],
      "text",
      "ip ip_address ipaddress ipaddr ip_addr ipv4 ipv6 ip_v4 ip_v6 ipv4_address ipv6_address address host hostname host_name fqdn domain domain_name domainname dns_name " +
        "devicednsname dnsname dns_hostname computerdnsname ioc_ip ioc_domain external_ip externalip public_ip ip_str inet_addr rdns reverse_dns ptr virtual_host virtualhost vhost",
    ],
    ["list", ["ip"], "source", "source_ips sourceips"],
    ["value", ["url", "ip", "domain"], "remote", "remote_url remoteurl network_url networkurl"],
    [
      "value",
      ["url"],
      "request",
      "link href download_url ioc_url file_url client_url request_full_url cef_request requesturl page_url http_request_url origin_url originurl file_origin_url " +
        "fileoriginurl phishing_url malicious_url landing_url callback_url redirect_url hook_url webhook_url",
    ],
    [
      "value",
      ["md5"],
      "file",
      "md5 md5_hash hash_md5 filemd5 md5sum md5hash md5_hex md5_string md5string md5_hash_data md5hashdata md5_digest md5digest processmd5 imagemd5 attachmentmd5",
    ],
    [
      "value",
      ["sha1"],
      "file",
      "sha1 sha1_hash hash_sha1 filesha1 sha1sum sha1hash sha1_hex sha1_string sha1string sha1_hash_data sha1hashdata sha1_digest sha1digest processsha1 imagesha1 attachmentsha1",
    ],
    [
      "value",
      ["sha256"],
      "file",
      "sha256 sha256_hash hash_sha256 filesha256 sha256sum sha256hash sha256_hex sha256_string sha256string sha256_hash_data sha256hashdata sha256_digest sha256digest processsha256 imagesha256 attachmentsha256",
    ],
    ["value", ["sha512"], "file", "sha512 sha512_hash hash_sha512 filesha512 sha512sum sha512hash"],
    ["value", ["sha224"], "file", "sha224 hash_sha224"],
    ["value", ["sha384"], "file", "sha384 hash_sha384"],
    ["value", ["imphash"], "file", "imphash hash_imphash pe_imphash"],
    [
      "value",
      ["ja3"],
      "fingerprint",
      "ja3 ja3s ja3_md5 ja3s_md5 ja3_digest ja3_fingerprint ja3hash ja3shash tls_client_ja3 tls_server_ja3s",
    ],
    [
      "value",
      ["x509"],
      "certificate",
      "cert_fingerprint certificate_fingerprint tls_cert_fingerprint ssl_fingerprint x509_fingerprint server_fingerprint cert_fingerprint_sha1 cert_fingerprint_sha256 " +
        "thumbprint cert_thumbprint cert_sha1 cert_sha256 cert_hash certificate_hash certificate_sha1 certificate_sha256 cert_md5",
    ],
    [
      "hashes",
      [],
      "file",
      "hash hashes file_hash filehash file_hashes filehashes sourceprocesshash analyticscksum file_digest cef_oldfilehash",
    ],
    [
      "value",
      ["filename", "path"],
      "file",
      "filename file_name originalfilename original_file_name original_filename cef_fname cef_oldfilename",
    ],
    [
      "value",
      ["path"],
      "file",
      "file file_path filepath package_path infected_file_path sourcefilepath full_path fullpath filefullpath file_full_path folderpath dll_path dllpath associated_file associatedfile cef_oldfilepath",
    ],
    [
      "value",
      ["path"],
      "image",
      "image process_path processpath process_image processimage image_path exe_path exepath exe executable executable_path executablepath image_file_name imagefilename initiatingprocessfolderpath image_file imagefile proc_path procpath proc_exe program_path binary_path cef_sproc cef_dproc cef_deviceprocessname",
    ],
    [
      "value",
      ["path"],
      "parent-image",
      "parent_process_path parentprocesspath parent_image_path parent_image parentimage parent_image_file_name parentimagefilename parent_exe parent_path parentpath parent_process_image_file",
    ],
    [
      "value",
      ["regkey"],
      "registry",
      "regkey registry_key registrykey registry_key_path registry_path registrypath reg_key regpath",
    ],
    ["value", ["regkey", "path"], "target", "targetpath target_path"],
    ["value", ["mutex"], "text", "mutex mutex_name mutant mutexname mutant_name"],
    [
      "value",
      ["email"],
      "text",
      "email e_mail mail email_address emailaddress mailaddress mail_address emails primary_email primaryemail",
    ],
    [
      "value",
      ["email"],
      "user",
      "user username user_name usrname account account_name accountname actor login user_email useremail principal upn user_principal_name user_mail actor_email caller_email cef_suser cef_duser alternate_id alternateid login_name loginname",
    ],
    [
      "value",
      ["asn"],
      "text",
      "asn as_number asnumber autonomous_system_number autonomoussystemnumber src_as dst_as source_as destination_as as_num",
    ],
    [
      "command",
      [],
      "command",
      "command cmd cmdline command_line commandline process_command_line process_commandline process_args process_cmdline cmd_line process_cmd_line parent_command_line parentcommandline parent_cmdline process_arguments script script_text powershell_command executed_command arguments",
    ],
    [
      "skip",
      [],
      "text",
      "device_fingerprint devicefingerprint browser_fingerprint key_fingerprint ssh_fingerprint user_fingerprint host_key_fingerprint public_key_fingerprint " +
        "issue_fingerprint event_fingerprint alert_fingerprint " +
        "guid uuid session_id sessionid session_guid request_id requestid reqid correlation_id trace_id traceid span_id spanid transaction_id transactionid " +
        "token access_token refresh_token id_token cookie cookies cookiei cookier csrf_token nonce api_key apikey access_key password passwd secret signature_id etag " +
        "version ver os_version product_version client_version agent_version app_version build schema_version metadata_version productversion analyzerversion " +
        "oscap_check_oval_id oscap_check_id oscap_scan_benchmark_id oscap_scan_profile_id oscap_scan_content logged_at created_at cwd",
    ],
  ),
});
