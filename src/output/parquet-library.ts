// What writes and reads Parquet files. It has a bundle of its own, which is loaded only when there is a Parquet file.
export { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
export { ByteWriter, ParquetWriter } from 'hyparquet-writer';
