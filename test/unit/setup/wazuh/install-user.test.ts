import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CommandResult } from "../../../../src/setup/wazuh/install-command.ts";
import { planUser, systemAccounts } from "../../../../src/setup/wazuh/install-user.ts";
import { memoryAccounts } from "../../../support/install-rig.ts";

const gid = process.getegid?.() ?? 0;

describe("the service's user", () => {
  it("is made with a group of its own and put into the manager's, once", async () => {
    const accounts = memoryAccounts();
    const { changes, notes } = await planUser(accounts, gid);
    assert.deepEqual(
      changes.map(({ account }) => account),
      [
        { what: "group", name: "tipline" },
        { what: "user", name: "tipline", group: "tipline", home: "/var/lib/tipline" },
        { what: "member", name: "tipline", group: "wazuh" },
      ],
    );
    assert.deepEqual(notes, []);
    for (const { account } of changes) await accounts.add(account);
    assert.deepEqual(await planUser(accounts, gid), { changes: [], notes: [] });
  });

  it("that exists is only put into the group", async () => {
    const accounts = memoryAccounts();
    await accounts.add({ what: "user", name: "tipline", group: "tipline", home: "/x" });
    assert.deepEqual(
      (await planUser(accounts, gid)).changes.map(({ account }) => account.what),
      ["member"],
    );
  });

  for (const [name, arrange, says] of [
    [
      "the manager's group is unknown here (a container)",
      (a: ReturnType<typeof memoryAccounts>) => {
        a.managerGroup = undefined;
      },
      /no group of this host has the id/,
    ],
    // The id of a container's wazuh may be docker's here: its members are as good as root.
    [
      "the id is another group's here",
      (a: ReturnType<typeof memoryAccounts>) => {
        a.managerGroup = "docker";
      },
      /is docker here and not wazuh/,
    ],
    [
      "accounts cannot be made",
      (a: ReturnType<typeof memoryAccounts>) => {
        a.why = "this host has no useradd";
      },
      /this host has no useradd/,
    ],
  ] as const)
    it(`is skipped with a reason where ${name}`, async () => {
      const accounts = memoryAccounts();
      arrange(accounts);
      const { changes, notes } = await planUser(accounts, gid);
      assert.deepEqual(changes, []);
      assert.match(notes.join(), says);
      assert.match(notes.join(), /whoever runs Tipline needs group/);
    });

  it("is skipped where nothing shows the manager's group", async () => {
    assert.match((await planUser(memoryAccounts(), undefined)).notes.join(), /nothing in the prefix shows/);
  });
});

describe("systemAccounts", () => {
  function recorded(answers: Readonly<Record<string, CommandResult>>) {
    const ran: string[] = [];
    const accounts = systemAccounts(async (argv) => {
      ran.push(argv.join(" "));
      return answers[argv.join(" ")] ?? { code: 0, output: "" };
    });
    return { accounts, ran };
  }

  it("reads getent's lines", async () => {
    const { accounts } = recorded({
      "getent group 999": { code: 0, output: "wazuh:x:999:tipline,other\n" },
      "getent passwd tipline": { code: 0, output: "tipline:x:997:996:Tipline:/var/lib/tipline:/usr/sbin/nologin\n" },
      "getent group nobodys": { code: 2, output: "" },
    });
    assert.deepEqual(await accounts.group(999), { name: "wazuh", gid: 999, members: ["tipline", "other"] });
    assert.deepEqual(await accounts.user("tipline"), { name: "tipline", uid: 997, gid: 996 });
    assert.equal(await accounts.group("nobodys"), undefined);
  });

  it("adds by arguments, without a shell or a password, and takes back", async () => {
    const gone = { code: 2, output: "" };
    const { accounts, ran } = recorded({ "getent passwd tipline": gone, "getent group tipline": gone });
    await accounts.add({ what: "group", name: "tipline" });
    await accounts.add({ what: "user", name: "tipline", group: "tipline", home: "/var/lib/tipline" });
    await accounts.add({ what: "member", name: "tipline", group: "wazuh" });
    assert.deepEqual(ran, [
      "groupadd --system tipline",
      "useradd --system --gid tipline --home-dir /var/lib/tipline --no-create-home --shell /usr/sbin/nologin --comment Tipline tipline",
      "usermod --append --groups wazuh tipline",
    ]);
    assert.equal(await accounts.remove({ what: "user", name: "tipline", group: "tipline", home: "/x" }), true);
    assert.ok(!ran.includes("userdel tipline"), "what is not there is not removed");
  });

  it("says which command failed, and with what", async () => {
    const { accounts } = recorded({
      "groupadd --system tipline": { code: 10, output: "groupadd: cannot lock /etc/group\n" },
    });
    await assert.rejects(
      accounts.add({ what: "group", name: "tipline" }),
      /groupadd --system tipline failed: groupadd: cannot lock/,
    );
  });

  it("reads the files where there is no getent", async () => {
    const { accounts } = recorded({ "getent passwd 0": { code: undefined, output: "", error: "ENOENT" } });
    assert.equal((await accounts.user("0"))?.name, "root");
  });
});
