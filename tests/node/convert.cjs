// Runs jobs through the converters that Zigbee2MQTT uses for a real lock. Standard input: a JSON list of jobs;
// standard output: the JSON list of what came of them. The folder of node_modules is the working directory.
//   {"set": {"state": "LOCK"}}   {"get": {"state": ""}}   what Zigbee2MQTT would send by radio
//   {"zigbee": {"type": ..., "data": {...}}}               what it would publish of a message of the lock
const {createRequire} = require("node:module");
const path = require("node:path");

const packages = createRequire(path.join(process.cwd(), "package.json"));
const {definitions} = packages("zigbee-herdsman-converters/devices/yale");
const {prepareDefinition} = packages("zigbee-herdsman-converters");

const definition = prepareDefinition(definitions.find((each) => each.model === "YRD256HA20BP"));
const converter = (key) => definition.toZigbee.find((each) => each.key?.includes(key));

async function carryOut(job) {
    const sent = [];
    const entity = {
        ID: 1,
        command: async (cluster, command, payload) => {
            const plain = Object.entries(payload).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString("hex") : value]);
            sent.push({cluster, command, payload: Object.fromEntries(plain)});
        },
        read: async (cluster, attributes) => sent.push({cluster, read: attributes}),
    };
    const meta = {mapped: definition, message: job.set ?? job.get, state: {}, options: {}, device: {}};
    for (const [key, value] of Object.entries(job.set ?? {})) {
        await converter(key).convertSet(entity, key, value, meta);
    }
    for (const key of Object.keys(job.get ?? {})) {
        await converter(key).convertGet(entity, key, meta);
    }
    if (!job.zigbee) {
        return sent;
    }
    const message = {...job.zigbee, cluster: "closuresDoorLock", endpoint: {ID: 1, command: async () => {}}, device: {}};
    const fitting = definition.fromZigbee.filter((each) => each.cluster === message.cluster && each.type.includes(message.type));
    const published = fitting.map((each) => each.convert(definition, message, () => {}, {}, {state: {}, device: {}}) ?? {});
    return Object.assign({}, ...published);
}

let input = "";
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", async () => {
    const results = [];
    for (const job of JSON.parse(input)) {
        results.push(await carryOut(job));
    }
    process.stdout.write(JSON.stringify(results));
});
