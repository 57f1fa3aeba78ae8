import KuklaNumerics
import KuklaTensor

/// A served table of which most weights are zero and not stored.
///
/// Of `nnz` kept weights, compressed rows (CSR) take `2 nnz + N + 1` words: values, columns, and where each row begins; coordinates (COO) take
/// `3 nnz`: values, rows, columns. COO is smaller below one weight a row.
struct ServedSparse: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    private let ids: RowPerId
    private let values: AlignedStorage<Float>
    private let columns: AlignedStorage<Int32>
    /// CSR: where each row's weights begin, and their end. COO: each weight's row, ascending.
    private let index: AlignedStorage<Int32>
    private let isCompressed: Bool

    /// Words of `kept` weights in the smaller form.
    static func words(keeping kept: Int, of schema: TableSchema) -> Int {
        min(2 * kept + schema.idCount + 1, 3 * kept)
    }

    /// The weights that a budget of bytes holds, at most all.
    static func kept(within budget: Int?, of schema: TableSchema) -> Int {
        let all = schema.idCount * schema.width
        guard let budget else { return all }
        return min(all, max((budget / 4 - schema.idCount - 1) / 2, budget / 12))
    }

    /// Stores the weights of `table [N, d]` where `isKept`.
    init(_ configuration: TableConfiguration, _ schema: TableSchema, _ table: Tensor, isKept: [Bool]) {
        let (count, width) = (isKept.count { $0 }, schema.width)
        let values = AlignedStorage<Float>(uninitialized: count)
        let (columns, rows) = (
            AlignedStorage<Int32>(uninitialized: count), AlignedStorage<Int32>(uninitialized: count)
        )
        let starts = AlignedStorage<Int32>(zeros: schema.idCount + 1)
        var next = 0
        table.withUnsafeBufferPointer { all in
            for i in all.indices where isKept[i] {
                values.pointer[next] = all[i]
                columns.pointer[next] = Int32(i % width)
                rows.pointer[next] = Int32(i / width)
                next += 1
                starts.pointer[i / width + 1] = Int32(next)
            }
        }
        for row in 1...schema.idCount {
            starts.pointer[row] = max(starts.pointer[row], starts.pointer[row - 1])
        }
        isCompressed = 2 * count + schema.idCount + 1 <= 3 * count
        self.configuration = configuration
        self.schema = schema.bare
        ids = RowPerId(schema.fields.map(\.count))
        self.values = values
        self.columns = columns
        index = isCompressed ? starts : rows
    }

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) {
        let values: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array("values", shape: [nil])
        let count = values.shape[0]
        let columns: AlignedStorage<Int32> = try reader.array("columns", shape: [count]).storage
        isCompressed = try reader.fact("csr", count: 1)[0] != 0
        index = try reader.array(
            isCompressed ? "starts" : "rows", shape: [isCompressed ? schema.idCount + 1 : count]
        )
        .storage
        let bound = Int32(isCompressed ? count : schema.idCount - 1)
        let isOrdered = zip(index.buffer, index.buffer.dropFirst()).allSatisfy { $0 <= $1 }
        guard isOrdered, index.buffer.allSatisfy({ $0 >= 0 && $0 <= bound }),
            !isCompressed || (index.buffer.first == 0 && index.buffer.last == Int32(count)),
            columns.buffer.allSatisfy({ $0 >= 0 && $0 < Int32(schema.width) })
        else { throw reader.bad("its index names weights that are not there") }
        self.configuration = configuration
        self.schema = schema
        ids = RowPerId(schema.fields.map(\.count))
        self.values = values.storage
        self.columns = columns
    }

    var arrays: [TableArray] {
        let count = values.buffer.count
        return [
            TableArray("values", [count], values), TableArray("columns", [count], columns),
            TableArray(isCompressed ? "starts" : "rows", [index.buffer.count], index),
        ]
    }
    var facts: [String: [Int]] { ["csr": [isCompressed ? 1 : 0]] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        out.update(repeating: 0, count: schema.width)
        let row = ids.row(field: field, id: id, lookup: 0)
        guard row >= 0 else { return }
        if isCompressed {
            for i in Int(index.pointer[Int(row)])..<Int(index.pointer[Int(row) + 1]) {
                out[Int(columns.pointer[i])] = values.pointer[i]
            }
            return
        }
        var (low, high) = (0, index.buffer.count)
        while low < high {
            let middle = (low + high) / 2
            if index.pointer[middle] < row { low = middle + 1 } else { high = middle }
        }
        while low < index.buffer.count, index.pointer[low] == row {
            out[Int(columns.pointer[low])] = values.pointer[low]
            low += 1
        }
    }
}
