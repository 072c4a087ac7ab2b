/** Level, description (empty: the alert says its own), groups with compliance tags, and `ids|tactics|techniques` of ATT&CK. */
type RuleRow = readonly [level: number, description: string, groups: string, mitre?: string];

/**
 * Rules that the demo's alerts fire: ids, levels and groups as in the stock ruleset of Wazuh 4.14. 100150 and above are local
 * rules of the invented company, which lift events that the stock rules keep at level 0 (Sysmon 3 and 22, Packetbeat …).
 */
export const RULES: Readonly<Record<string, RuleRow>> = {
  "503": [
    3,
    "Wazuh agent started.",
    "ossec,pci_dss_10.6.1,pci_dss_10.2.6,gpg13_10.1,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,nist_800_53_AU.14,nist_800_53_AU.5,tsc_CC7.2,tsc_CC7.3,tsc_CC6.8",
  ],
  "533": [
    7,
    "Listened ports status (netstat) changed (new port opened or closed).",
    "ossec,pci_dss_10.2.7,pci_dss_10.6.1,gpg13_10.1,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AU.6,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "550": [
    7,
    "Integrity checksum changed.",
    "ossec,syscheck,syscheck_entry_modified,syscheck_file,pci_dss_11.5,gpg13_4.11,gdpr_II_5.1.f,hipaa_164.312.c.1,hipaa_164.312.c.2,nist_800_53_SI.7,tsc_PI1.4,tsc_PI1.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1565.001|Impact|Stored Data Manipulation",
  ],
  "553": [
    7,
    "File deleted.",
    "ossec,syscheck,syscheck_entry_deleted,syscheck_file,pci_dss_11.5,gpg13_4.11,gdpr_II_5.1.f,hipaa_164.312.c.1,hipaa_164.312.c.2,nist_800_53_SI.7,tsc_PI1.4,tsc_PI1.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1070.004,T1485|Defense Evasion,Impact|File Deletion,Data Destruction",
  ],
  "554": [
    5,
    "File added to the system.",
    "ossec,syscheck,syscheck_entry_added,syscheck_file,pci_dss_11.5,gpg13_4.11,gdpr_II_5.1.f,hipaa_164.312.c.1,hipaa_164.312.c.2,nist_800_53_SI.7,tsc_PI1.4,tsc_PI1.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "2902": [
    7,
    "New dpkg (Debian Package) installed.",
    "syslog,dpkg,config_changed,pci_dss_10.6.1,pci_dss_10.2.7,gpg13_4.10,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,nist_800_53_AU.14,tsc_CC7.2,tsc_CC7.3,tsc_CC6.8,tsc_CC8.1",
  ],
  "3302": [
    6,
    "Postfix: Rejected by access list (Requested action not taken).",
    "syslog,postfix,spam,pci_dss_10.6.1,pci_dss_11.4,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,nist_800_53_SI.4,tsc_CC7.2,tsc_CC7.3,tsc_CC6.1,tsc_CC6.8",
  ],
  "3306": [
    6,
    "Postfix: IP Address black-listed by anti-spam (blocked).",
    "syslog,postfix,spam,pci_dss_10.6.1,pci_dss_11.4,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,nist_800_53_SI.4,tsc_CC7.2,tsc_CC7.3,tsc_CC6.1,tsc_CC6.8",
    "T1114|Collection|Email Collection",
  ],
  "5402": [
    3,
    "Successful sudo to ROOT executed.",
    "syslog,sudo,pci_dss_10.2.5,pci_dss_10.2.2,gpg13_7.6,gpg13_7.8,gpg13_7.13,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,nist_800_53_AC.6,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1548.003|Privilege Escalation|Sudo and Sudo Caching",
  ],
  "5501": [
    3,
    "PAM: Login session opened.",
    "pam,syslog,authentication_success,pci_dss_10.2.5,gpg13_7.8,gpg13_7.9,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1078|Defense Evasion,Initial Access,Persistence,Privilege Escalation|Valid Accounts",
  ],
  "5502": [
    3,
    "PAM: Login session closed.",
    "pam,syslog,pci_dss_10.2.5,gpg13_7.8,gpg13_7.9,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "5503": [
    5,
    "PAM: User login failed.",
    "pam,syslog,authentication_failed,pci_dss_10.2.4,pci_dss_10.2.5,gpg13_7.8,gdpr_IV_35.7.d,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1110.001|Credential Access|Password Guessing",
  ],
  "5710": [
    5,
    "sshd: Attempt to login using a non-existent user",
    "syslog,sshd,authentication_failed,gdpr_IV_35.7.d,gdpr_IV_32.2,gpg13_7.1,hipaa_164.312.b,invalid_login,nist_800_53_AU.14,nist_800_53_AC.7,nist_800_53_AU.6,pci_dss_10.2.4,pci_dss_10.2.5,pci_dss_10.6.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1110.001,T1021.004|Credential Access,Lateral Movement|Password Guessing,SSH",
  ],
  "5715": [
    3,
    "sshd: authentication success.",
    "syslog,sshd,authentication_success,gdpr_IV_32.2,gpg13_7.1,gpg13_7.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,pci_dss_10.2.5,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1078,T1021|Defense Evasion,Initial Access,Persistence,Privilege Escalation,Lateral Movement|Valid Accounts,Remote Services",
  ],
  "5760": [
    5,
    "sshd: authentication failed.",
    "syslog,sshd,authentication_failed,gdpr_IV_35.7.d,gdpr_IV_32.2,gpg13_7.1,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,pci_dss_10.2.4,pci_dss_10.2.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1110.001,T1021.004|Credential Access,Lateral Movement|Password Guessing,SSH",
  ],
  "5763": [
    10,
    "sshd: brute force trying to get access to the system. Authentication failed.",
    "syslog,sshd,authentication_failures,gdpr_IV_35.7.d,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_SI.4,nist_800_53_AU.14,nist_800_53_AC.7,pci_dss_11.4,pci_dss_10.2.4,pci_dss_10.2.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1110|Credential Access|Brute Force",
  ],
  "9705": [
    5,
    "Dovecot Invalid User Login Attempt.",
    "dovecot,invalid_login,authentication_failed,pci_dss_10.2.4,pci_dss_10.2.5,gpg13_7.1,gdpr_IV_35.7.d,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "19007": [7, "", "sca,gdpr_IV_35.7.d,pci_dss_2.2,nist_800_53_CM.1,tsc_CC7.1,tsc_CC7.2"],
  "23503": [5, "", "vulnerability-detector,gdpr_IV_35.7.d,pci_dss_11.2.1,pci_dss_11.2.3,tsc_CC7.1,tsc_CC7.2"],
  "23504": [7, "", "vulnerability-detector,gdpr_IV_35.7.d,pci_dss_11.2.1,pci_dss_11.2.3,tsc_CC7.1,tsc_CC7.2"],
  "31101": [
    5,
    "Web server 400 error code.",
    "web,accesslog,attack,pci_dss_6.5,pci_dss_11.4,gdpr_IV_35.7.d,nist_800_53_SA.11,nist_800_53_SI.4,tsc_CC6.6,tsc_CC7.1,tsc_CC8.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "31103": [
    7,
    "SQL injection attempt.",
    "web,accesslog,attack,sql_injection,pci_dss_6.5,pci_dss_11.4,pci_dss_6.5.1,gdpr_IV_35.7.d,nist_800_53_SA.11,nist_800_53_SI.4,tsc_CC6.6,tsc_CC7.1,tsc_CC8.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1190|Initial Access|Exploit Public-Facing Application",
  ],
  "31106": [
    6,
    "A web attack returned code 200 (success).",
    "web,accesslog,attack,pci_dss_6.5,pci_dss_11.4,gdpr_IV_35.7.d,nist_800_53_SA.11,nist_800_53_SI.4,tsc_CC6.6,tsc_CC7.1,tsc_CC8.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1190|Initial Access|Exploit Public-Facing Application",
  ],
  "31122": [5, "Web server 500 error code (Internal Error).", "web,accesslog,system_error"],
  "31151": [
    10,
    "Multiple web server 400 error codes from same source ip.",
    "web,accesslog,web_scan,recon,pci_dss_6.5,pci_dss_11.4,gdpr_IV_35.7.d,nist_800_53_SA.11,nist_800_53_SI.4,tsc_CC6.6,tsc_CC7.1,tsc_CC8.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1595.002|Reconnaissance|Vulnerability Scanning",
  ],
  "31516": [
    6,
    "Suspicious URL access.",
    "web,appsec,attack,pci_dss_6.5,pci_dss_11.4,gdpr_IV_35.7.d,nist_800_53_SA.11,nist_800_53_SI.4,tsc_CC6.6,tsc_CC7.1,tsc_CC8.1,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "40704": [5, "Systemd: Service exited due to a failure.", "local,systemd,gpg13_4.3,gdpr_IV_35.7.d"],
  "60106": [
    3,
    "Windows Logon Success",
    "windows,windows_security,authentication_success,pci_dss_10.2.5,gpg13_7.1,gpg13_7.2,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.9,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1078|Defense Evasion,Initial Access,Persistence,Privilege Escalation|Valid Accounts",
  ],
  "60122": [
    5,
    "Logon Failure - Unknown user or bad password",
    "windows,windows_security,authentication_failed,pci_dss_10.2.4,pci_dss_10.2.5,gpg13_7.1,gdpr_IV_35.7.d,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1078,T1531|Defense Evasion,Initial Access,Persistence,Privilege Escalation,Impact|Valid Accounts,Account Access Removal",
  ],
  "60137": [
    3,
    "Windows User Logoff",
    "windows,windows_security,pci_dss_10.2.5,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AU.14,nist_800_53_AC.7,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "60642": [3, "Software protection service scheduled successfully.", "windows,windows_application"],
  "61104": [
    3,
    "Service startup type was changed",
    "windows,windows_system,policy_changed,pci_dss_10.6,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "61138": [
    5,
    "New Windows Service Created",
    "windows,windows_system",
    "T1543.003|Persistence,Privilege Escalation|Windows Service",
  ],
  "80202": [
    3,
    "",
    "amazon,aws,aws_cloudtrail,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,pci_dss_10.6.1,tsc_CC7.2,tsc_CC7.3",
  ],
  "80253": [
    3,
    "",
    "amazon,aws,authentication_success,aws_cloudtrail,gdpr_IV_32.2,hipaa_164.312.b,nist_800_53_AC.7,nist_800_53_AU.14,pci_dss_10.2.5,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
    "T1078|Defense Evasion,Initial Access,Persistence,Privilege Escalation|Valid Accounts",
  ],
  "80254": [
    5,
    "",
    "amazon,aws,authentication_failed,aws_cloudtrail,gdpr_IV_32.2,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AC.7,nist_800_53_AU.14,pci_dss_10.2.4,pci_dss_10.2.5,tsc_CC6.1,tsc_CC6.8,tsc_CC7.2,tsc_CC7.3",
  ],
  "80792": [3, "", "audit,audit_command,gdpr_IV_30.1.g"],
  "81633": [
    3,
    "Fortigate: App passed by firewall.",
    "fortigate,syslog,gdpr_IV_35.7.d,hipaa_164.312.b,nist_800_53_AU.6,pci_dss_10.6.1",
  ],
  "86601": [3, "", "ids,suricata"],
  "92031": [
    3,
    "Discovery activity executed",
    "sysmon,sysmon_eid1_detections,windows",
    "T1087|Discovery|Account Discovery",
  ],
  "92052": [
    4,
    "Windows command prompt started by an abnormal process",
    "sysmon,sysmon_eid1_detections,windows",
    "T1059.003|Execution|Windows Command Shell",
  ],
  "92057": [
    12,
    "Powershell.exe spawned a powershell process which executed a base64 encoded command",
    "sysmon,sysmon_eid1_detections,windows",
    "T1059.001|Execution|PowerShell",
  ],
  "92066": [4, "", "sysmon,sysmon_eid1_detections,windows", "T1059.001|Execution|PowerShell"],
  "92105": [
    3,
    "Possible suspicious access to Windows admin shares",
    "sysmon,sysmon_eid3_detections,windows",
    "T1021.002|Lateral Movement|SMB/Windows Admin Shares",
  ],
  "92200": [
    6,
    "Scripting file created under Windows Temp or User folder",
    "sysmon,sysmon_eid11_detections,windows",
    "T1059,T1105|Execution,Command and Control|Command and Scripting Interpreter,Ingress Tool Transfer",
  ],
  "92213": [
    15,
    "Executable file dropped in folder commonly used by malware",
    "sysmon,sysmon_eid11_detections,windows",
    "T1105|Command and Control|Ingress Tool Transfer",
  ],
  "92302": [
    6,
    "Registry entry to be executed on next logon was modified using command line application reg.exe",
    "sysmon,sysmon_eid13_detections,windows",
    "T1547.001|Persistence,Privilege Escalation|Registry Run Keys / Startup Folder",
  ],
  "100150": [3, "", "local,sysmon,sysmon_event1,windows"],
  "100151": [3, "", "local,sysmon,sysmon_event3,windows"],
  "100152": [3, "", "local,sysmon,sysmon_event_22,windows"],
  "100153": [3, "", "local,sysmon,sysmon_event_11,windows"],
  "100160": [3, "", "local,packetbeat,dns"],
  "100165": [3, "", "local,fortigate,firewall_drop"],
  "100170": [3, "", "local,postfix,mail"],
  "100175": [3, "", "local,helpdesk"],
};

const COMPLIANCE = ["pci_dss", "gpg13", "gdpr", "hipaa", "nist_800_53", "tsc"];

/** The `rule` object of an alert, as analysisd writes it. */
export function ruleOf(id: string, firedtimes: number, description?: string): object {
  const row = RULES[id];
  if (row === undefined) throw new Error(`rule ${id} is not in the table`);
  const [level, text, tags, mitre] = row;
  const groups: string[] = [];
  const compliance: Record<string, string[]> = {};
  for (const tag of tags.split(",")) {
    const scheme = COMPLIANCE.find((name) => tag.startsWith(`${name}_`));
    if (scheme === undefined) groups.push(tag);
    else compliance[scheme] = [...(compliance[scheme] ?? []), tag.slice(scheme.length + 1)];
  }
  const [ids = "", tactics = "", techniques = ""] = (mitre ?? "").split("|");
  return {
    level,
    description: description ?? text,
    id,
    ...(mitre ? { mitre: { id: ids.split(","), tactic: tactics.split(","), technique: techniques.split(",") } } : {}),
    firedtimes,
    mail: level >= 12,
    groups,
    ...compliance,
  };
}
