import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

/// Smaller models as folders of their own, and what folders say about sizes.
@Suite struct ModelExportTests {
    private func withTarget<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let parent = FileManager.default.temporaryDirectory.appending(
            path: "kukla-export-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: parent) }
        return try body(parent.appending(path: "small"))
    }

    private func vectors(_ folder: URL, layers: Int? = nil) throws -> Matrix {
        let (ids, offsets) = flattened(try TinyGolden.load().ids)
        return try TextEncoder(folder: folder, layers: layers).encode(ids: ids, offsets: offsets)
    }

    @Test(arguments: [0, 1, 2])
    func `a smaller folder gives the leading components of the early layer's vectors`(_ tail: Int) throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        try source.setModules(
            Array([("2_Dense", "Dense"), ("3_Normalize", "Normalize")].prefix(tail)))
        try withTarget { target in
            try ModelExport(source.url, layers: 1, dimensions: 5).write(to: target)
            let (found, whole) = (try vectors(target), try vectors(source.url, layers: 1))
            #expect(found.columns == 5 && whole.columns > 5)
            for row in 0..<found.rows {
                let prefix = whole.row(row).prefix(5)
                let length = prefix.reduce(0) { $0 + $1 * $1 }.squareRoot()
                #expect(
                    zip(found.row(row), prefix).allSatisfy { abs($0 - $1 / length) < 1e-6 }, "row \(row)")
            }
            let names = try SafetensorsFile(target.appending(path: "model.safetensors")).tensors.map(\.name)
            #expect(names.contains { $0.contains("layer.0.") } && !names.contains { $0.contains("layer.1.") })
            // Exactly the weights of one layer of two are gone.
            #expect(names.count { $0.contains("layer.") } == 16)
            // A folder that was cut can be cut again.
            let again = target.deletingLastPathComponent().appending(path: "smaller")
            try ModelExport(target, dimensions: 3).write(to: again)
            #expect(try vectors(again).columns == 3)
        }
    }

    @Test func `layers alone leave vectors as the model makes them`() throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        try withTarget { target in
            try ModelExport(source.url, layers: 1).write(to: target)
            #expect(try vectors(target) == vectors(source.url, layers: 1))
            let (small, large) = (try ModelExport(source.url, layers: 1), try ModelExport(source.url))
            // Query, key, value, output, up and down with biases, and two norms.
            let (width, inside) = (36, 42)
            let layer = 4 * (width * width + width) + 2 * width * inside + inside + width + 4 * width
            #expect(try large.weightBytes - small.weightBytes == 4 * layer)
        }
    }

    @Test func `an encoder that loads fewer layers is one that leaves early`() throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        let (ids, offsets) = flattened(try TinyGolden.load().ids)
        let short = try TextEncoder(folder: source.url, layers: 1)
        #expect(short.layerCount == 1)
        #expect(
            try short.encode(ids: ids, offsets: offsets)
                == TextEncoder(folder: source.url).encode(ids: ids, offsets: offsets, layers: 1))
        for layers in [0, 3] {
            #expect(throws: KuklaError.self) { try TextEncoder(folder: source.url, layers: layers) }
        }
    }

    @Test func `sizes that the model lacks are refused, and nothing is written`() throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        for (layers, dimensions) in [(0, 5), (3, 5), (1, 0), (1, 37), (-1, 5)] {
            let error = #expect(throws: KuklaError.self) {
                try ModelExport(source.url, layers: layers, dimensions: dimensions)
            }
            #expect(error?.code == .usage)
        }
        let own = #expect(throws: KuklaError.self) {
            try ModelExport(source.url, layers: 1).write(to: source.url)
        }
        #expect(own?.code == .usage)
        try withTarget { target in
            let missing = target.appending(path: "nowhere/small")
            #expect(throws: KuklaError.self) { try ModelExport(source.url, layers: 1).write(to: missing) }
            #expect(!FileManager.default.fileExists(atPath: target.path))
        }
    }

    @Test func `a model says its sizes, and one made from it only those that it can still take`() throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        let module = try TextEncoderModule(folder: source.url)
        let sizes = [(2, 36), (2, 9), (1, 9), (1, 4)].map {
            SizeTable.Entry(ModelSize(layers: $0.0, dimensions: $0.1), quality: 0.5, qualityBefore: 0.25)
        }
        let table = SizeTable(method: "2dmse", metric: "spearman", measuredOn: "dev.csv", sizes: sizes)
        try withTarget { target in
            try module.write(
                to: target,
                card: ModelCard(base: "base", objective: "A test.", examples: 1, steps: 1, sizes: table))
            #expect(try SizeTable.read(target) == table)
            // Whatever else stands in the file is as it was.
            let text = try String(contentsOf: target.appending(path: "config.json"), encoding: .utf8)
            #expect(text.contains("\"layer_norm_eps\": 1e-12"))
            #expect(try vectors(target) == vectors(source.url))
            let card = try String(contentsOf: target.appending(path: "README.md"), encoding: .utf8)
            #expect(card.contains("](quality.svg)") && card.contains("| 1 | 4 | 16 | 0.5000 | 0.2500 |"))
            let picture = try String(contentsOf: target.appending(path: "quality.svg"), encoding: .utf8)
            #expect(picture.contains("2 layers") && picture.contains("1 layer"))
            let small = target.deletingLastPathComponent().appending(path: "smaller")
            try ModelExport(target, layers: 1).write(to: small)
            #expect(try SizeTable.read(small)?.sizes == Array(sizes[2...]))
            // Training for the whole model only forgets the sizes.
            let plain = target.deletingLastPathComponent().appending(path: "plain")
            try TextEncoderModule(folder: target).write(
                to: plain, card: ModelCard(base: "base", objective: "A test.", examples: 1, steps: 1))
            #expect(try SizeTable.read(plain) == nil)
        }
        #expect(try SizeTable.read(source.url) == nil)
    }

    @Test func `embeddings after several layers are those of passes that end there`() throws {
        let source = try EncoderFolder()
        defer { source.remove() }
        try source.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        let module = try TextEncoderModule(folder: source.url)
        let (ids, offsets) = flattened(try TinyGolden.load().ids)
        var batch = TokenBatch()
        batch.ids = ids
        batch.offsets = offsets
        let all = module.embeddings(batch, after: [1, 2])
        for (layer, found) in zip([1, 2], all) {
            #expect(found.normalized().elements == module(batch, layers: layer).elements)
            #expect(
                zip(found.normalized().elements, try vectors(source.url, layers: layer).elements)
                    .allSatisfy { abs($0 - $1) < 2e-5 })
        }
    }

    @Test("measured sizes are recorded beside others, and those of another metric forgotten")
    func record() throws {
        let folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url)
        func entry(_ layers: Int, _ dimensions: Int, _ quality: Double) -> SizeTable.Entry {
            SizeTable.Entry(ModelSize(layers: layers, dimensions: dimensions), quality: quality)
        }
        try SizeTable.record([entry(2, 8, 0.5)], metric: "spearman", measuredOn: "a", in: folder.url)
        try SizeTable.record(
            [entry(2, 16, 0.6), entry(2, 8, 0.55)], metric: "spearman", measuredOn: "a", in: folder.url)
        let both = try #require(try SizeTable.read(folder.url))
        #expect(both.sizes == [entry(2, 16, 0.6), entry(2, 8, 0.55)])
        try SizeTable.record([entry(1, 8, 0.3)], metric: "ndcg_at_10", measuredOn: "b", in: folder.url)
        let other = try #require(try SizeTable.read(folder.url))
        #expect(other.sizes.map(\.quality) == [nil, nil, 0.3])
        // The rest of the file stays.
        #expect(try EmbeddingModel(folder: folder.url).encoder.layerCount == 2)
    }
}
