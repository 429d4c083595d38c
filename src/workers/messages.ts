/** The two messages that tell TensorFlow about a cluster, in Protocol Buffers. */
import protobuf from 'protobufjs';

/**
 * The fields that we set. From TensorFlow's `tensorflow_server.proto`, `cluster.proto`, `config.proto` and
 * `coordination_config.proto`.
 */
const SCHEMA = `
syntax = "proto3";

message ServerDef {
  ClusterDef cluster = 1;
  string job_name = 2;
  int32 task_index = 3;
  ConfigProto default_session_config = 4;
  string protocol = 5;
}
message ClusterDef { repeated JobDef job = 1; }
message JobDef {
  string name = 1;
  map<int32, string> tasks = 2;
}
message ConfigProto {
  repeated string device_filters = 4;
  GpuOptions gpu_options = 6;
  Experimental experimental = 16;
}
message GpuOptions { bool allow_growth = 4; }
message Experimental {
  string collective_group_leader = 1;
  CoordinationServiceConfig coordination_config = 23;
}
message CoordinationServiceConfig {
  string service_type = 1;
  string service_leader = 2;
  int64 heartbeat_timeout_in_ms = 5;
  repeated CoordinatedJob coordinated_job_list = 10;
}
message CoordinatedJob {
  string name = 1;
  int32 num_tasks = 2;
}
`;

const JOB = 'worker';
const LEADER = `/job:${JOB}/replica:0/task:0`;

/**
 * The serialised `ConfigProto` and `ServerDef` of worker `index`. `addresses` are `host:port`. A worker that is silent
 * for `heartbeatMs` is lost.
 */
export function clusterMessages(
  index: number,
  addresses: readonly string[],
  heartbeatMs: number,
): { config: Uint8Array; serverDef: Uint8Array } {
  const { root } = protobuf.parse(SCHEMA, { keepCase: true });
  const encode = (name: string, message: object) => {
    const type = root.lookupType(name);
    const problem = type.verify(message);
    if (problem) throw new Error(`${name}: ${problem}`);
    return type.encode(type.create(message)).finish();
  };
  const config = {
    device_filters: [`/job:${JOB}/task:${index}`],
    gpu_options: { allow_growth: true },
    experimental: {
      collective_group_leader: LEADER,
      coordination_config: {
        service_type: 'standalone',
        service_leader: LEADER,
        heartbeat_timeout_in_ms: heartbeatMs,
        coordinated_job_list: [{ name: JOB, num_tasks: addresses.length }],
      },
    },
  };
  return {
    config: encode('ConfigProto', config),
    serverDef: encode('ServerDef', {
      cluster: { job: [{ name: JOB, tasks: Object.fromEntries(addresses.entries()) }] },
      job_name: JOB,
      task_index: index,
      default_session_config: config,
      protocol: 'grpc',
    }),
  };
}
