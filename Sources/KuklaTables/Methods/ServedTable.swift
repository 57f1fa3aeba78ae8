import Foundation
public import KuklaFormats
public import KuklaNumerics
public import KuklaTensor

/// An embedding table as it is saved and used: compressed, read-only, possibly mapped from a file.
public protocol ServedTable: Sendable {
    var configuration: TableConfiguration { get }
    /// The fields and the width; without occurrences.
    var schema: TableSchema { get }
    /// Columns that each field gives.
    var widths: [Int] { get }
    /// What is saved: floats, codes, index, remap and flag words.
    var arrays: [TableArray] { get }
    /// Numbers that no array's shape tells, for the metadata of the file.
    var facts: [String: [Int]] { get }

    /// Writes the vector of one id, `widths[field]` components.
    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>)

    /// Writes the vectors of row-major `ids`, `rows` rows of one column for each of `fields`, one after another.
    ///
    /// Without a tape and on the calling thread; any number of threads may do it at once. An id that was never seen is looked up as the
    /// method's definition says: by its hash, or as zeros where every id has a row of its own.
    func lookup(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Float>)
}

extension ServedTable {
    public var widths: [Int] { schema.fields.map { _ in schema.width } }
    public var facts: [String: [Int]] { [:] }

    /// Bytes of all arrays: what the table takes in a file beside the header.
    public var byteCount: Int { arrays.reduce(0) { $0 + $1.byteCount } }

    public func lookup(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Float>
    ) {
        let widths = widths
        var (id, to) = (ids, out)
        for _ in 0..<rows {
            for field in fields {
                write(field: field, id: id.pointee, to: to)
                id += 1
                to += widths[field]
            }
        }
    }

    /// The vectors of a batch, `[batch.rows, sum of widths of its columns]`, on several threads.
    public func vectors(_ batch: IdBatch) -> Tensor {
        let width = batch.fields.reduce(0) { $0 + widths[$1] }
        let columns = batch.fields.count
        return Tensor(shape: [batch.rows, width]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(batch.rows, grain: rowGrain(width)) { block in
                batch.ids.withUnsafeBufferPointer { ids in
                    batch.fields.withUnsafeBufferPointer { fields in
                        lookup(
                            ids.baseAddress! + block.lowerBound * columns, rows: block.count, fields: fields,
                            into: to + block.lowerBound * width)
                    }
                }
            }
        }
    }

    /// The vectors of all ids of a field, `[count, width]`: the table written out.
    public func dense(field: Int) -> Matrix {
        let count = schema.fields[field].count
        return vectors(IdBatch(ids: (0..<Int32(count)).map { $0 }, fields: [field])).matrix
    }

    /// Adds the arrays to a file that is being written.
    ///
    /// `metadata` must be among the file's metadata for the table to be loaded again.
    public func add(to writer: inout SafetensorsWriter, prefix: String = "table.") {
        for array in arrays {
            let bytes = array.withUnsafeBytes { Data($0) }
            writer.add(
                bytes: bytes, named: prefix + array.name, elementType: array.elementType, shape: array.shape)
        }
    }

    /// What the metadata of a file must say of the table: its configuration, fields and sizes.
    public var metadata: [String: String] {
        var entries = ["table": configuration.description, "table_width": String(schema.width)]
        entries["table_fields"] = encoded(schema.fields)
        entries["table_facts"] = encoded(facts)
        return entries
    }
}

/// JSON with sorted keys, so that the same table gives the same file.
private func encoded(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // Names and integers always encode.
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
}

/// Loading of tables.
public enum ServedTables {
    /// The table that `ServedTable.add` and its metadata put into a file.
    ///
    /// Arrays are read in place: only what is looked up gets into memory.
    /// - Throws: `KuklaError(.badData)` where metadata are missing or arrays do not fit them.
    public static func load(
        from file: SafetensorsFile, prefix: String = "table."
    ) throws(KuklaError) -> any ServedTable {
        func bad(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot load the embedding table of \(file.url.path): \(what).")
        }
        guard let word = file.metadata["table"] else {
            throw bad("its metadata name no table; a model folder of 'kukla tables train' has one")
        }
        let configuration = try TableConfiguration(parsing: word)
        guard let width = file.metadata["table_width"].flatMap({ Int($0) }), (1...65_536).contains(width),
            let fields = decoded([TableField].self, file.metadata["table_fields"]), !fields.isEmpty,
            let facts = decoded([String: [Int]].self, file.metadata["table_facts"])
        else { throw bad("its metadata do not say the width, the fields and the sizes of the table") }
        guard fields.allSatisfy({ (1...Int(Int32.max)).contains($0.count) }),
            fields.reduce(0, { $0 + $1.count }) <= Int(Int32.max)
        else { throw bad("its fields have no possible number of ids") }
        let reader = TableReader(file: file, prefix: prefix, facts: facts)
        let schema = TableSchema(fields: fields, width: width)
        return try configuration.method.load(configuration, schema, from: reader)
    }

    private static func decoded<Value: Decodable>(_ type: Value.Type, _ text: String?) -> Value? {
        text.flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
}
