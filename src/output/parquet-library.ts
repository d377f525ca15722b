// What writes Parquet files. It has a bundle of its own, which is read only when a Parquet file is written.
export { ByteWriter, ParquetWriter } from 'hyparquet-writer';
