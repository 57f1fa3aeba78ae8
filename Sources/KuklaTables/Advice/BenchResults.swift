public import Foundation
import KuklaFormats
public import KuklaNumerics

/// The rows of a comparison of tables, in a file that a run which was stopped goes on with.
///
/// JSON lines: the first says what was compared (a fingerprint of rows, network and options), each further one is a training.
public struct BenchResults: Sendable {
    /// One training.
    public struct Row: Sendable, Codable, Equatable {
        /// The table's configuration.
        public let table: String
        /// The share of a float row for each id that the table may take; nil: no limit.
        public let budget: Double?
        public let width: Int
        public let seed: UInt64
        /// Why there is no result: a budget below the method's floor.
        public var failure: String?
        public var bytes: Int?
        public var auc: Double?
        public var groupAUC: Double?
        public var logLoss: Double?
        public var validationAUC: Double?
        public var seconds: Double?
        public var stages: [String]?

        init(table: String, budget: Double?, width: Int, seed: UInt64) {
            self.table = table
            self.budget = budget
            self.width = width
            self.seed = seed
        }

        func isSame(_ other: Row) -> Bool {
            table == other.table && budget == other.budget && width == other.width && seed == other.seed
        }
    }

    private struct Head: Codable {
        var format = "kukla-table-bench-1"
        var fingerprint: String
        var denseBytes: Int
    }

    public let url: URL
    /// Bytes of a float row for each id, at the width of the runs.
    public let denseBytes: Int
    public private(set) var rows: [Row] = []
    private let fingerprint: String

    /// Opens the file, or begins one.
    ///
    /// - Throws: `KuklaError`: a file of other data or settings, or none that this wrote.
    public init(_ url: URL, fingerprint: String, denseBytes: Int) throws(KuklaError) {
        self.url = url
        self.fingerprint = fingerprint
        self.denseBytes = denseBytes
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        let reader = try LineReader(url)
        guard let first = try reader.nextString(),
            let head = try? BenchResults.decoder.decode(Head.self, from: Data(first.utf8)),
            head.format == "kukla-table-bench-1"
        else {
            throw KuklaError(
                .badData, "Cannot go on with \(url.path): it is no file of results of `kukla tables bench`.")
        }
        guard head.fingerprint == fingerprint else {
            throw KuklaError(
                .usage,
                "Cannot go on with \(url.path): its results are of other rows, another schema, network or options; name another file with -o."
            )
        }
        while let line = try reader.nextString() {
            guard !line.isEmpty else { continue }
            guard let row = try? BenchResults.decoder.decode(Row.self, from: Data(line.utf8)) else {
                throw reader.failure("expected the result of a training")
            }
            rows.append(row)
        }
    }

    /// Whether that training is done.
    func holds(_ row: Row) -> Bool { rows.contains { $0.isSame(row) } }

    /// Adds a result; the file is replaced whole.
    mutating func append(_ row: Row) throws(KuklaError) {
        rows.append(row)
        var text = try BenchResults.line(Head(fingerprint: fingerprint, denseBytes: denseBytes))
        for row in rows { text += try BenchResults.line(row) }
        try AtomicFile.write(text, to: url)
    }

    private static func line(_ value: some Encodable) throws(KuklaError) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n" } catch {
            throw KuklaError(.badData, "Cannot write a result.", cause: error)
        }
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}

/// The rows of one table and budget, over their seeds.
public struct BenchSummary: Sendable {
    public let table: String
    public let budget: Double?
    public let bytes: Int
    /// The AUC of each seed on the test rows.
    public let aucs: [Double]

    public var mean: Double { aucs.reduce(0, +) / Double(max(1, aucs.count)) }
    /// The deviation over seeds, unbiased; 0 for one.
    public var deviation: Double {
        guard aucs.count > 1 else { return 0 }
        let mean = mean
        return (aucs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(aucs.count - 1)).squareRoot()
    }
}

extension BenchResults {
    /// Every table and budget that has results, in the order of the file.
    public var summaries: [BenchSummary] {
        var keys: [(table: String, budget: Double?)] = []
        for row in rows where row.auc != nil {
            if !keys.contains(where: { $0.table == row.table && $0.budget == row.budget }) {
                keys.append((row.table, row.budget))
            }
        }
        return keys.map { key in
            let mine = rows.filter { $0.table == key.table && $0.budget == key.budget && $0.auc != nil }
            return BenchSummary(
                table: key.table, budget: key.budget, bytes: mine.compactMap(\.bytes).max() ?? 0,
                aucs: mine.compactMap(\.auc))
        }
    }
}
