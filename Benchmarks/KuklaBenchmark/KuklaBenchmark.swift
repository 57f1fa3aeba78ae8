import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaTables
import KuklaText

/// Our side of `Benchmarks/peers/compare.py`: prepares a piece of work, prints a line when it is ready, and then, for
/// every line on stdin, does the work once and answers with one line of JSON (`{"seconds": 0.5}`).
///
///     kukla-benchmark encode MODEL TEXTS float32|int8 VECTORS.npy [LAYERS DIMENSIONS]
///     kukla-benchmark tokenize MODEL TEXTS
///     kukla-benchmark search VECTORS.npy QUERIES.npy FACTORY COUNT BATCH FOUND.npy
///     kukla-benchmark build VECTORS.npy FACTORY cosine|ip|l2 COLLECTION.kukla
///     kukla-benchmark beam COLLECTION.kukla QUERIES.npy TRUTH.ivecs RECALL EVERY [BATCH]
///     kukla-benchmark resident COLLECTION.kukla
///     kukla-benchmark maxsim DOCUMENTS.npy TOKENS QUERIES.npy TOKENS SCORES.npy
///     kukla-benchmark hamming CODES.npy QUERIES.npy COUNT BATCH FOUND.npy
///     kukla-benchmark train STEPS encoder MODEL LENGTHS|decoder|mlp|convolution|click
///     kukla-benchmark train STEPS elastic MODEL PAIRS.tsv plain|mrl|2dmse|starbucks
///     kukla-benchmark tables STEPS adam|adagrad|predict MOVIELENS-1M
///     kukla-benchmark lookups float|int8 rows|read ROWS WIDTH
///
/// `search` and `hamming` look for the 10 best of the first COUNT queries, BATCH at a time. What was found is written
/// once, so that the other side can compare it. `build` builds in memory; the first one is written. `beam` searches with
/// the least effort that reaches RECALL, among the ids that EVERY divides, all queries or BATCH at a time. `resident` tells
/// bytes a vector: by the formula, and as the process grows when it has read all of the collection. `maxsim` scores each
/// query by itself; every set has TOKENS vectors.
@main struct KuklaBenchmark {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        func url(_ index: Int) -> URL { URL(fileURLWithPath: arguments[index]) }
        switch (arguments.first, arguments.count) {
        case ("encode", 5), ("encode", 7):
            guard let precision = TextEncoder.Precision(rawValue: arguments[3]) else { throw usage }
            let size = arguments.dropFirst(5).compactMap { Int($0) }
            try encode(
                model: url(1), texts: url(2), precision: precision, layers: size.first,
                dimensions: size.last, output: url(4))
        case ("tokenize", 3): try tokenize(model: url(1), texts: url(2))
        case ("search", 7):
            guard let count = Int(arguments[4]), let batch = Int(arguments[5]) else { throw usage }
            let vectors = try VectorFile.readAll(url(1))
            var index = try IndexConfiguration(parsing: arguments[3]).train(
                on: vectors, metric: .cosine)
            try index.insert(vectors)
            try search(index, queries: VectorFile.readAll(url(2)), count: count, batch: batch, output: url(6))
        case ("build", 5):
            guard let metric = Metric(rawValue: arguments[3]) else { throw usage }
            try build(
                VectorFile.readAll(url(1)), IndexConfiguration(parsing: arguments[2]), metric, output: url(4))
        case ("beam", 6...7):
            let queries = try VectorFile.readAll(url(2))
            guard let recall = Double(arguments[4]), let every = Int(arguments[5]),
                let batch = arguments.count == 7 ? Int(arguments[6]) : queries.rows
            else { throw usage }
            try beam(
                CollectionFile(url(1)), queries: queries, truth: IntegerMatrix(url(3)), recall: recall,
                every: every, batch: batch)
        case ("resident", 2): try resident(url(1))
        case ("maxsim", 6):
            guard let tokens = Int(arguments[2]), let asked = Int(arguments[4]) else { throw usage }
            try maxSim(sets(url(1), of: tokens), sets(url(3), of: asked), output: url(5))
        case ("hamming", 6):
            guard let count = Int(arguments[3]), let batch = Int(arguments[4]) else { throw usage }
            let index = try hammingIndex(codes: url(1))
            try search(
                index, queries: signs(VectorFile.readAll(url(2))), count: count, batch: batch, output: url(5))
        case ("train", 3...):
            guard let steps = Int(arguments[1]) else { throw usage }
            let step = try TrainingSteps.step(Array(arguments[2...]))
            try serve { for _ in 0..<steps { _ = step() } }
        case ("tables", 4):
            guard let steps = Int(arguments[1]) else { throw usage }
            if let rule = TrainerOptions.Rule(rawValue: arguments[2]) {
                let step = try TableSteps.training(folder: url(3), rule: rule)
                return try serve { for _ in 0..<steps { _ = try step() } }
            }
            guard arguments[2] == "predict" else { throw usage }
            let step = try TableSteps.prediction(folder: url(3))
            try serve { for _ in 0..<steps { _ = step() } }
        case ("lookups", 5):
            guard ["float", "int8"].contains(arguments[1]), ["rows", "read"].contains(arguments[2]),
                let rows = Int32(arguments[3]), let width = Int(arguments[4])
            else { throw usage }
            let lookUp = try TableSteps.lookups(
                arguments[1], readsOnly: arguments[2] == "read", rows: Int(rows), width: width)
            try serve { lookUp() }
        default: throw usage
        }
    }

    static var usage: KuklaError { KuklaError(.usage, "usage: see the head of KuklaBenchmark.swift") }

    /// Times `body` once for each line of stdin, after one call that is not counted.
    static func serve(_ facts: [String: Double] = [:], _ body: () throws -> Void) throws {
        try body()
        print("ready")
        fflush(nil)
        while readLine() != nil {
            let start = ContinuousClock.now
            try body()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let answer = facts.merging(["seconds": seconds]) { $1 }
            print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
            fflush(nil)
        }
    }

    static func encode(
        model: URL, texts: URL, precision: TextEncoder.Precision, layers: Int?, dimensions: Int?, output: URL
    ) throws {
        let embedder = try EmbeddingModel(folder: model, precision: precision, layers: layers)
        let texts = try TextReader(texts).readAll().map(\.text)
        var vectors = Matrix(rows: 0, columns: 0)
        try serve { vectors = try embedder.embed(texts, dimensions: dimensions).vectors }
        let writer = try VectorFile.create(output, dimensions: vectors.columns)
        try writer.append(vectors)
        try writer.commit()
    }

    static func tokenize(model: URL, texts: URL) throws {
        let tokenizer = try WordPieceTokenizer(folder: model)
        let texts = try TextReader(texts).readAll().map(\.text)
        try serve { _ = tokenizer.encode(texts, threads: 1) }
    }

    static func search(_ index: FlatIndex, queries: Matrix, count: Int, batch: Int, output: URL) throws {
        var found: [[Match]] = []
        let bytes = Double(index.count) * index.bytesPerVector
        try serve([
            "code_bytes": bytes, "read_bandwidth": readBandwidth(of: index.count * Int(index.bytesPerVector)),
        ]) {
            found = []
            for start in stride(from: 0, to: count, by: batch) {
                found += try index.search(queries[rows: start..<min(start + batch, count)], count: 10)
            }
        }
        // Ids up to 2^24 are exact in float32.
        let writer = try VectorFile.create(output, dimensions: 20)
        try writer.append(
            Matrix(
                rows: count, columns: 20,
                elements: found.flatMap { matches in matches.map { Float($0.id) } + matches.map(\.distance) })
        )
        try writer.commit()
    }

    // MARK: - Graphs and lists

    static func build(
        _ vectors: Matrix, _ configuration: IndexConfiguration, _ metric: Metric, output: URL
    ) throws {
        let empty = try configuration.makeIndex(on: vectors, metric: metric)
        let writer = try CollectionWriter(output, index: empty)
        try writer.append(vectors)
        try writer.finish()
        print("ready")
        fflush(nil)
        while readLine() != nil {
            let start = ContinuousClock.now
            var index = try configuration.makeIndex(on: vectors, metric: metric)
            try index.insert(vectors, threads: defaultThreadCount)
            print("{\"seconds\": \((ContinuousClock.now - start) / .seconds(1))}")
            fflush(nil)
        }
    }

    static func beam(
        _ file: CollectionFile, queries: Matrix, truth: IntegerMatrix, recall: Double, every: Int,
        batch: Int
    ) throws {
        guard var index = file.index as? any ApproximateIndex & CodedIndex else { throw usage }
        let exact = (0..<truth.rows).map { truth.row($0).map { Int($0) } }
        let allowed = every == 1 ? nil : RowSet(capacity: index.idBound) { $0 % every == 0 }
        let chosen = try index.chooseEffort(recall: recall, queries: queries, exact: exact, allowing: allowed)
        try serve(["recall": chosen.recall, "effort": Double(chosen.effort)]) {
            for start in stride(from: 0, to: queries.rows, by: batch) {
                _ = try index.search(
                    queries[rows: start..<min(start + batch, queries.rows)], count: 10, allowing: allowed,
                    threads: defaultThreadCount)
            }
        }
    }

    static func resident(_ collection: URL) throws {
        // Once before, so that code and buffers which every process has are there already. Looks at every byte.
        try CollectionFile(collection).verify()
        let before = try residentBytes()
        let file = try CollectionFile(collection)
        try file.verify()
        let index = file.index
        let count = Double(index.count)
        let grown = try Double(residentBytes() - before) / count
        try serve(["resident": grown, "formula": index.bytesPerVector + Double(index.fixedBytes) / count]) {}
    }

    /// Bytes of this process in memory, mapped files among them.
    static func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return Int(pages)! * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    // MARK: - Late interaction

    static func sets(_ url: URL, of size: Int) throws -> VectorSets {
        let vectors = try VectorFile.readAll(url)
        return VectorSets(vectors: vectors, offsets: Array(stride(from: 0, through: vectors.rows, by: size)))
    }

    static func maxSim(_ documents: VectorSets, _ queries: VectorSets, output: URL) throws {
        var scores: [Matrix] = []
        try serve {
            scores = (0..<queries.count).map { MaxSim.scores(queries[sets: $0..<$0 + 1], documents) }
        }
        let writer = try VectorFile.create(output, dimensions: documents.count)
        for row in scores { try writer.append(row) }
        try writer.commit()
    }

    // MARK: - Hamming

    /// Bits as the vectors of +1 and -1 that they are the signs of.
    static func signs(_ bytes: Matrix) -> Matrix {
        Matrix(rows: bytes.rows, columns: bytes.columns * 8) { out in
            bytes.withUnsafeBufferPointer { all in
                for i in all.indices {
                    let byte = UInt8(all[i])
                    for bit in 0..<8 { out[i * 8 + bit] = byte >> UInt8(bit) & 1 == 1 ? 1 : -1 }
                }
            }
        }
    }

    static func hammingIndex(codes: URL) throws -> FlatIndex {
        let reader = try VectorFile.open(codes)
        var index: FlatIndex?
        while let chunk = try reader.next(maxRows: 16_384) {
            let vectors = signs(chunk)
            if index == nil {
                let bits = try SignBitCodec.train(
                    on: vectors, metric: .cosine, configuration: CodecConfiguration(quantizer: .sign))
                index = FlatIndex(codec: SymmetricSignBits(bits: bits))
            }
            try index?.insert(vectors)
        }
        guard let index else { throw usage }
        return index
    }

    /// Bytes a second at which a buffer of that size is read by a plain sum on all cores, the best of 5.
    static func readBandwidth(of count: Int) -> Double {
        let words = max(count / 8, 1)
        let buffer = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: words)
        defer { buffer.deallocate() }
        buffer.update(repeating: 1)
        nonisolated(unsafe) let base = UnsafePointer(buffer.baseAddress!)
        var best = Double.infinity
        for _ in 0..<5 {
            let start = ContinuousClock.now
            parallelFor(words, grain: 1 << 17) { range in
                var sums: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
                    0, 0, 0, 0, 0, 0, 0, 0
                )
                var i = range.lowerBound
                while i + 8 <= range.upperBound {
                    sums.0 &+= base[i]
                    sums.1 &+= base[i + 1]
                    sums.2 &+= base[i + 2]
                    sums.3 &+= base[i + 3]
                    sums.4 &+= base[i + 4]
                    sums.5 &+= base[i + 5]
                    sums.6 &+= base[i + 6]
                    sums.7 &+= base[i + 7]
                    i += 8
                }
                let total = sums.0 &+ sums.1 &+ sums.2 &+ sums.3 &+ sums.4 &+ sums.5 &+ sums.6 &+ sums.7
                // What is never used would not be read.
                if total == 42 { print("") }
            }
            best = min(best, (ContinuousClock.now - start) / .seconds(1))
        }
        return Double(words * 8) / best
    }
}

/// Sign bits that are compared with the sign bits of the query: the symmetric search that binary indexes do.
struct SymmetricSignBits: VectorCodec {
    let bits: SignBitCodec

    var configuration: CodecConfiguration { bits.configuration }
    var metric: Metric { .cosine }
    var dimensions: Int { bits.dimensions }
    var layout: CodeLayout { bits.layout }
    var parameters: [String: Matrix] { bits.parameters }

    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        bits.encode(vectors, into: codes, threads: threads)
    }
    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix { bits.decode(codes, count: count) }
    func scorer(for queries: Matrix) -> any CodeScorer { bits.hammingScorer(for: queries) }
}
