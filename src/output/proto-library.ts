// What reads .proto files. It has a bundle of its own, which is read only with --proto.
export { common, parse, Root } from 'protobufjs';
