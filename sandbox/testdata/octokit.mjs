// GitHub's own JavaScript client takes a change from branch to merge. It throws on
// any answer that it does not understand.
import assert from "node:assert/strict";
import { Octokit } from "octokit";

const octokit = new Octokit({ auth: process.env.TOKEN, baseUrl: process.env.API, throttle: { enabled: false }, retry: { enabled: false } });
const at = { owner: "alice", repo: "r" };
const { rest } = octokit;

assert.equal((await rest.users.getAuthenticated()).data.login, "alice");
const main = await rest.git.getRef({ ...at, ref: "heads/main" });
await rest.git.createRef({ ...at, ref: "refs/heads/topic/one", sha: main.data.object.sha });
await rest.repos.createOrUpdateFileContents({ ...at, path: "a b/ü.txt", branch: "topic/one", message: "Add ü", content: Buffer.from("ü\n").toString("base64") });
const file = await rest.repos.getContent({ ...at, path: "a b/ü.txt", ref: "topic/one" });
assert.equal(Buffer.from(file.data.content, "base64").toString(), "ü\n");
const pull = await rest.pulls.create({ ...at, head: "topic/one", base: "main", title: "Add ü" });
const issue_number = pull.data.number, pull_number = issue_number;
await rest.issues.createLabel({ ...at, name: "kind/bug", color: "ff0000" });
await rest.issues.addLabels({ ...at, issue_number, labels: ["kind/bug"] });
await rest.issues.removeLabel({ ...at, issue_number, name: "kind/bug" });
for (let n = 0; n < 35; n++) await rest.issues.createComment({ ...at, issue_number, body: `comment ${n}` });
const comments = await octokit.paginate(rest.issues.listComments, { ...at, issue_number, per_page: 10 });
assert.deepEqual(comments.map((c) => c.body), Array.from({ length: 35 }, (_, n) => `comment ${n}`));
const sha = pull.data.head.sha;
await rest.repos.createCommitStatus({ ...at, sha, state: "success", context: "unit" });
assert.equal((await rest.repos.getCombinedStatusForRef({ ...at, ref: "topic/one" })).data.state, "success");
const files = await octokit.paginate(rest.pulls.listFiles, { ...at, pull_number });
assert.equal(files[0].filename, "a b/ü.txt");
const found = await octokit.paginate(rest.search.issuesAndPullRequests, { q: "is:pr repo:alice/r comment" });
assert.equal(found.length, 1);
const answer = await octokit.graphql(
  `query ($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { pullRequests(first: 5, states: [OPEN]) { totalCount nodes { number mergeable title } } } }`, at);
assert.deepEqual(answer.repository.pullRequests, { totalCount: 1, nodes: [{ number: 1, mergeable: "MERGEABLE", title: "Add ü" }] });
await assert.rejects(octokit.graphql(`{ repository(owner: "no", name: "no") { id } }`), /Could not resolve to a Repository/);
await assert.rejects(rest.pulls.merge({ ...at, pull_number, sha: "0".repeat(40) }), (e) => e.status === 409);
assert.equal((await rest.pulls.merge({ ...at, pull_number, sha, merge_method: "rebase" })).data.merged, true);
await rest.git.deleteRef({ ...at, ref: "heads/topic/one" });
await assert.rejects(rest.repos.getBranch({ ...at, branch: "topic/one" }), (e) => e.status === 404);
console.log("done");
