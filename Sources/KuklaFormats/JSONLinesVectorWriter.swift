public import Foundation
public import KuklaNumerics

/// Writes vectors as JSON lines: `{"vector": [0.25, -1]}`, with an "id" where one is given.
public final class JSONLinesVectorWriter: VectorWriter {
    public let dimensions: Int
    public private(set) var count = 0
    private let file: AtomicFile
    private var line: [UInt8] = []
    /// Names of the dimensions as JSON.
    private let names: [String]?

    /// Starts a file that will be `url`.
    ///
    /// - Parameter names: of the dimensions: each line then has "concepts", an object of those that are not 0.
    /// - Throws: `KuklaError(.inputOutput)`.
    public init(_ url: URL, dimensions: Int, names: [String]? = nil) throws(KuklaError) {
        contract(
            names.map { $0.count == dimensions } ?? true,
            "JSONLinesVectorWriter: \(names?.count ?? 0) names for \(dimensions) dimensions")
        self.dimensions = dimensions
        self.names = names?.map(jsonQuoted)
        file = try AtomicFile(url)
    }

    public func append(_ vectors: Matrix) throws(KuklaError) { try append(vectors, ids: nil) }

    /// Appends the rows of `vectors` under `ids`, one for each row.
    ///
    /// Components get as many digits as float32 needs to come back the same.
    /// - Throws: `KuklaError` where the disk refuses or a component is not finite (JSON has no word for it).
    public func append(_ vectors: Matrix, ids: [String]?) throws(KuklaError) {
        contract(
            vectors.columns == dimensions && (ids == nil || ids?.count == vectors.rows),
            "JSONLinesVectorWriter: shape [\(vectors.rows), \(vectors.columns)], \(ids?.count ?? 0) ids")
        try vectors.checkFinite(name: file.url.path, firstRow: count)
        for row in 0..<vectors.rows {
            line.removeAll(keepingCapacity: true)
            if let ids {
                line.append(contentsOf: "{\"id\": \(jsonQuoted(ids[row])), \"vector\": [".utf8)
            } else {
                line.append(contentsOf: "{\"vector\": [".utf8)
            }
            vectors.withUnsafeRow(row) { components in
                for (i, component) in components.enumerated() {
                    if i > 0 { line.append(contentsOf: [UInt8(ascii: ","), UInt8(ascii: " ")]) }
                    line.append(contentsOf: component.description.utf8)
                }
            }
            line.append(contentsOf: "]".utf8)
            if let names { appendConcepts(vectors.row(row), names) }
            line.append(contentsOf: "}\n".utf8)
            var failure: KuklaError?
            line.withUnsafeBytes {
                do throws(KuklaError) { try file.write($0) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        count += vectors.rows
    }

    private func appendConcepts(_ row: [Float], _ names: [String]) {
        let members = row.indices.filter { row[$0] != 0 }.sorted { (-row[$0], $0) < (-row[$1], $1) }
            .map { "\(names[$0]): \(row[$0])" }
        line.append(contentsOf: ", \"concepts\": {\(members.joined(separator: ", "))}".utf8)
    }

    public func commit() throws(KuklaError) { try file.commit() }
}
