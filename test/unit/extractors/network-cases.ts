import type { Case } from "./case.ts";

const agent = { id: "001", name: "pc-1" };
/** Alerts of networks, servers and clouds, by extractor. */
export const NETWORK_CASES: Readonly<Record<string, readonly Case[]>> = {
  web: [
    {
      event: {
        agent,
        decoder: { name: "web-accesslog" },
        full_log: '1.2.3.4 - - [x] "GET /a HTTP/1.1" 403 9 "http://ref.evil.com/x" "sqlmap/1.5"',
        data: { srcip: "1.2.3.4", id: "403", url: "/a" },
      },
      wanted: [
        "user-agent sqlmap/1.5 user-agent",
        "url http://ref.evil.com/x referrer",
        "domain ref.evil.com referrer",
        "ip 1.2.3.4 source",
      ],
      view: { outcome: "denied" },
    },
    {
      event: { agent, data: { ClientRequestHost: "a.example.com", ClientRequestURI: "/x?y=1", ClientIP: "1.2.3.4" } },
      wanted: ["url http://a.example.com/x?y=1 request", "ip 1.2.3.4 client"],
    },
    {
      event: {
        agent,
        full_log:
          "2026-11-21 19:20:11 10.0.0.5 GET /a.aspx id=1 443 - 1.2.3.4 HTTP/1.1 Mozilla/5.0+(compatible;++http://x.example) - 200",
      },
      wanted: ["user-agent Mozilla/5.0 (compatible; +http://x.example) user-agent"],
    },
    {
      event: {
        agent,
        full_log: 'https app/lb 1.2.3.4:4 "GET https://a.evil.com:443/x HTTP/2.0" "Go-http-client/2.0" TLS "-"',
      },
      wanted: ["user-agent Go-http-client/2.0 user-agent", "url https://a.evil.com/x text"],
    },
    {
      event: { agent, full_log: 'haproxy[1]: 1.2.3.4:5 be/s1 200 {www.evil.com|curl/8 (x)} "GET /a HTTP/1.1"' },
      wanted: ["user-agent curl/8 (x) user-agent"],
    },
    {
      event: {
        agent,
        data: {
          request: { host: "a.evil.com", uri: "/x", tls: {} },
          ClientASN: "64500",
          JA3Hash: "1746ddc35b12dd3894839e5394995402",
        },
      },
      wanted: [
        "url https://a.evil.com/x request",
        "asn 64500 text",
        "ja3 1746ddc35b12dd3894839e5394995402 fingerprint",
      ],
    },
  ],
  firewall: [
    {
      event: { agent, decoder: { name: "paloalto" }, data: { misc: "Invoice 09.xls", action: "block-continue" } },
      wanted: ["filename invoice 09.xls file"],
    },
    {
      event: {
        agent,
        full_log:
          'devname="F" srcip=10.0.0.5 dstip=8.8.8.8 dstport=80 filename="a b.exe" url="http://bad.evil.com/x" agent="curl/8"',
      },
      wanted: [
        "ip 10.0.0.5 source",
        "ip 8.8.8.8 destination",
        "filename a b.exe file",
        "url http://bad.evil.com/x request",
      ],
      view: { direction: "outbound" },
    },
    {
      event: {
        agent,
        decoder: { name: "fortigate-firewall-v5" },
        full_log: 'url="/x" agent="curl/8"',
        data: {
          srcip: "10.0.0.5",
          dstip: "8.8.8.8",
          dstport: "443",
          action: "blocked",
          hostname: "bad.evil.com",
          url: "/x",
          transip: "9.9.9.9",
        },
      },
      wanted: [
        "ip 10.0.0.5 source",
        "ip 8.8.8.8 destination :443",
        "url https://bad.evil.com/x request",
        "user-agent curl/8 user-agent",
        "ip 9.9.9.9 nat",
      ],
      view: { outcome: "denied", direction: "outbound", entity: "ip:10.0.0.5" },
    },
    {
      event: {
        agent,
        decoder: { name: "cisco-asa" },
        full_log: "%ASA-2-106001: Inbound TCP connection denied from 1.2.3.4/80 to 5.6.7.8/22",
        data: { action: "106001" },
      },
      wanted: ["ip 1.2.3.4 text :80", "ip 5.6.7.8 text :22"],
      view: { outcome: "denied" },
    },
  ],
  suricata: [
    {
      event: {
        agent,
        data: {
          event_type: "http",
          src_ip: "10.0.0.5",
          dest_ip: "1.2.3.4",
          http: { hostname: "bad.evil.com", http_port: "8080", url: "/x" },
          alert: { action: "allowed" },
          tls: { sni: "s.evil.com", fingerprint: `${"aa:".repeat(19)}bb`, ja3: { hash: `${"c".repeat(31)}1` } },
        },
      },
      wanted: [
        "url https://bad.evil.com:8080/x request",
        "domain bad.evil.com server",
        "domain s.evil.com server",
        `x509 ${"aa".repeat(19)}bb certificate`,
        `ja3 ${"c".repeat(31)}1 fingerprint`,
      ],
      view: { outcome: "allowed", direction: "outbound", entity: "ip:10.0.0.5" },
    },
  ],
  zeek: [
    {
      event: {
        agent,
        data: {
          id: { orig_h: "10.0.0.5", resp_h: "1.2.3.4", resp_p: "8000" },
          host: "bad.evil.com",
          uri: "/x",
          query: "q.local",
          answers: ["a.evil.com", "1.2.3.5"],
        },
      },
      wanted: [
        "ip 10.0.0.5 source",
        "ip 1.2.3.4 destination :8000",
        "url http://bad.evil.com:8000/x request",
        "domain q.local query",
        "domain a.evil.com answer",
        "ip 1.2.3.5 answer",
      ],
      view: { direction: "outbound" },
    },
  ],
  packetbeat: [
    {
      event: {
        agent,
        data: {
          destination: { ip: "1.2.3.4", port: "53" },
          dns: { question: { name: "q.local" }, answers: [{ data: "1.2.3.5" }] },
          process: { executable: "/usr/bin/dig" },
        },
      },
      wanted: ["ip 1.2.3.4 destination :53", "domain q.local query", "ip 1.2.3.5 answer", "path /usr/bin/dig image"],
      view: { facts: { dst: "q.local", image: "/usr/bin/dig" } },
    },
  ],
  dns: [
    {
      event: { agent, full_log: "client @0x1 10.0.0.1#53 (q.local): query: q.local IN A + (10.0.0.2)" },
      wanted: ["domain q.local query", "ip 10.0.0.1 text :53"],
    },
    {
      event: { agent, full_log: "PACKET UDP Rcv 10.0.0.1 Q [0001 D NOERROR] A (3)www(4)evil(5)local(0)" },
      wanted: ["domain www.evil.local query"],
    },
  ],
  mail: [
    {
      event: {
        agent,
        decoder: { name: "postfix-reject", parent: "postfix" },
        full_log:
          "NOQUEUE: reject: RCPT from mail.evil.com[1.2.3.4]: 554; from=<a@evil.com> to=<b@corp.example> proto=ESMTP helo=<h.evil.com>",
      },
      wanted: [
        "email a@evil.com sender",
        "email b@corp.example recipient",
        "domain mail.evil.com client",
        "ip 1.2.3.4 client",
        "domain h.evil.com sender",
      ],
      view: { outcome: "denied", direction: "inbound" },
    },
    {
      event: {
        agent,
        predecoder: { program_name: "postfix/smtpd" },
        full_log:
          "NOQUEUE: reject: RCPT from x[10.0.0.9]: 450; from=<SRS0=a=b=c.example=joe@fwd.evil.com> to=<b@corp.example>",
      },
      wanted: ["email srs0=a=b=c.example=joe@fwd.evil.com sender", "ip 10.0.0.9 client"],
      view: { outcome: "denied", direction: "internal" },
    },
    {
      event: { agent, data: { attachments: ["Invoice.exe"], recipients: "a@b.example,c@d.example" } },
      wanted: ["filename invoice.exe file", "email a@b.example recipient", "email c@d.example recipient"],
    },
  ],
  aws: [
    {
      event: {
        agent,
        data: {
          aws: {
            sourceIPAddress: "1.2.3.4",
            errorCode: "AccessDenied",
            service: {
              action: {
                networkConnectionAction: {
                  remoteIpDetails: { ipAddressV4: "5.6.7.8", organization: { asn: "64500" } },
                },
              },
            },
          },
        },
      },
      wanted: ["ip 1.2.3.4 source", "ip 5.6.7.8 remote", "asn 64500 remote"],
      view: { outcome: "failure" },
    },
  ],
  office365: [
    {
      event: {
        agent,
        data: {
          office365: {
            ClientIP: "1.2.3.4:443",
            UserId: "a@b.example",
            Operation: "UserLoginFailed",
            ExtendedProperties: [{ Name: "UserAgent", Value: "BAV2ROPC" }],
          },
        },
      },
      wanted: ["ip 1.2.3.4 source :443", "email a@b.example user", "user-agent BAV2ROPC user-agent"],
      view: { outcome: "failure" },
    },
  ],
  gcp: [
    {
      event: {
        agent,
        data: {
          gcp: {
            protoPayload: {
              requestMetadata: { callerIp: "1.2.3.4", callerSuppliedUserAgent: "x/1 (+https://www.terraform.io)" },
            },
            jsonPayload: { disposition: "DENIED" },
          },
        },
      },
      wanted: [
        "ip 1.2.3.4 source",
        "user-agent x/1 (+https://www.terraform.io) user-agent",
        "url https://www.terraform.io/ user-agent",
      ],
      view: { outcome: "denied" },
    },
  ],
  github: [
    {
      event: { agent, data: { github: { actor: "dependabot.io", actor_ip: "1.2.3.4" } } },
      wanted: ["ip 1.2.3.4 source"],
      view: { facts: { user: "dependabot.io" } },
    },
  ],
  azure: [
    {
      event: { agent, data: { azure: { callerIpAddress: "1.2.3.4", caller: "a@b.example", resultType: "Failure" } } },
      wanted: ["ip 1.2.3.4 source", "email a@b.example user"],
      view: { outcome: "failure" },
    },
  ],
};
