public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A smaller model as a folder of its own: the first layers of another one, and the leading components of its vectors, as they are or
/// turned.
///
/// The folder is an ordinary sentence-transformers folder. Dimensions are cut by a Dense module without bias whose weights are rows of
/// the identity, or the directions that vectors are turned to, so that any loader gives the same numbers; a Normalize follows, as the
/// prefix of a unit vector is none.
public struct ModelExport: Sendable {
    /// The model that is cut.
    public let source: URL
    public let size: ModelSize
    private let configuration: EncoderConfiguration
    private let cutsDimensions: Bool
    private let directions: Matrix?

    /// - Parameters:
    ///   - layers: how many to keep, from the first; all where nil.
    ///   - dimensions: how many leading components to keep; all where nil. Where given, vectors are of length 1.
    ///   - directions: components are those along these, `[at least dimensions, the model's dimensions]`, such as principal components
    ///     of its vectors; the model's own where nil. With as many orthonormal ones as the model has dimensions, cosines stay what they
    ///     are.
    /// - Throws: `KuklaError`: `usage` where the model has fewer, or there are fewer directions; as `TextEncoder` for folders that
    ///   cannot be loaded.
    public init(
        _ source: URL, layers: Int? = nil, dimensions: Int? = nil, directions: Matrix? = nil
    ) throws(KuklaError) {
        configuration = try EncoderConfiguration(folder: source)
        try configuration.check(dimensions: dimensions, layers: layers)
        self.source = source
        let wanted = dimensions ?? configuration.dimensions
        if let directions, directions.columns != configuration.dimensions || directions.rows < wanted {
            throw KuklaError(
                .usage,
                "Cannot turn the vectors of \(source.path) to \(directions.rows) directions of \(directions.columns) components: expected \(wanted) of \(configuration.dimensions). Give more texts, or fewer dimensions."
            )
        }
        size = ModelSize(layers: layers ?? configuration.layers, dimensions: wanted)
        cutsDimensions = dimensions != nil || directions != nil
        self.directions = directions
    }

    /// Writes the folder, whole or not at all.
    ///
    /// - Throws: `KuklaError` (`missingFile` where the folder around it or a source file is not there, `inputOutput`; `usage` where
    ///   it would replace its own source).
    public func write(to url: URL) throws(KuklaError) {
        guard url.resolvingSymlinksInPath().path != source.resolvingSymlinksInPath().path else {
            throw KuklaError(
                .usage, "Cannot write \(url.path): it is the model that is cut. Name another folder.")
        }
        let folder = try AtomicFolder(url)
        let sizes = try remainingSizes()
        let section = try sizes?.json
        try ModelFolder.copySettings(from: source, to: folder.staging) {
            $0["num_hidden_layers"] = String(size.layers)
            $0[SizeTable.key] = section
        }
        try writeTransformer(to: folder.staging)
        for layer in configuration.dense {
            let path = ModelFolder.relativePath(of: layer.folder, in: source)
            try ModelFolder.copy("\(path)/model.safetensors", from: source, to: folder.staging)
        }
        if configuration.latent != nil {
            let path = ModelFolder.relativePath(of: configuration.poolingFolder, in: source)
            try ModelFolder.copy("\(path)/model.safetensors", from: source, to: folder.staging)
        }
        if cutsDimensions { try addCut(to: folder.staging) }
        try AtomicFile.write(
            readme(name: url.lastPathComponent, sizes), to: folder.staging.appending(path: "README.md"))
        try folder.commit()
    }

    /// Bytes of the weights that are kept, the Dense that cuts dimensions left out.
    ///
    /// - Throws: as `TextEncoder` for weights that cannot be read.
    public var weightBytes: Int {
        get throws(KuklaError) {
            let file = try SafetensorsFile(source.appending(path: "model.safetensors"))
            return keptTensors(of: file).reduce(0) { sum, tensor in
                sum + file.withUnsafeBytes(of: tensor) { $0.count }
            }
        }
    }

    /// All tensors but those of the layers that go.
    private func keptTensors(of file: SafetensorsFile) -> [SafetensorsFile.Tensor] {
        file.tensors.filter { tensor in
            let parts = tensor.name.split(separator: ".").drop { $0 == "bert" }
            guard parts.starts(with: ["encoder", "layer"]),
                let layer = parts.dropFirst(2).first.flatMap({ Int($0) })
            else { return true }
            return layer < size.layers
        }
    }

    private func writeTransformer(to staging: URL) throws(KuklaError) {
        let file = try SafetensorsFile(source.appending(path: "model.safetensors"))
        // "format" is what Hugging Face's loader asks for.
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for tensor in keptTensors(of: file) {
            writer.add(
                bytes: file.withUnsafeBytes(of: tensor) { Data($0) }, named: tensor.name,
                elementType: tensor.elementType, shape: tensor.shape)
        }
        try writer.write(to: staging.appending(path: "model.safetensors"))
    }

    /// Puts a Dense that drops components, and a Normalize, behind the modules that make the vector.
    private func addCut(to staging: URL) throws(KuklaError) {
        var modules = try ModelFile(source, "modules.json").decode([ModuleEntry].self)
        func new(_ kind: String) -> ModuleEntry {
            // Behind all that are there: the number may be in the name of a folder.
            let number = modules.count + 1
            return ModuleEntry(
                name: String(number), path: "\(number)_\(kind)", type: "sentence_transformers.models.\(kind)")
        }
        let cut = new("Dense")
        let normalize = modules.first { $0.type.hasSuffix(".Normalize") } ?? new("Normalize")
        modules.removeAll { $0.type.hasSuffix(".Normalize") }
        modules += [cut, normalize]
        try ModelFolder.write(modules, to: staging)
        for module in [cut, normalize] { try ModelFolder.make(module.path, in: staging) }
        let dense = staging.appending(path: cut.path)
        let inputs = configuration.dimensions
        try AtomicFile.write(
            """
            {
              "in_features": \(inputs),
              "out_features": \(size.dimensions),
              "bias": false,
              "activation_function": "torch.nn.modules.linear.Identity"
            }

            """, to: dense.appending(path: "config.json"))
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        let identity = Matrix(rows: size.dimensions, columns: inputs) { out in
            out.update(repeating: 0)
            for row in 0..<size.dimensions { out[row * inputs + row] = 1 }
        }
        writer.add(directions?[rows: 0..<size.dimensions] ?? identity, named: "linear.weight")
        try writer.write(to: dense.appending(path: "model.safetensors"))
    }

    /// What the source says about the sizes that can still be taken.
    private func remainingSizes() throws(KuklaError) -> SizeTable? {
        // What was measured of the model's own components says nothing of others.
        guard directions == nil, var table = try SizeTable.read(source) else { return nil }
        table.sizes.removeAll { $0.layers > size.layers || $0.dimensions > size.dimensions }
        return table.sizes.isEmpty ? nil : table
    }

    private func readme(name: String, _ sizes: SizeTable?) -> String {
        var text = """
            ---
            library_name: sentence-transformers
            pipeline_tag: sentence-similarity
            tags:
            - sentence-transformers
            - sentence-similarity
            - feature-extraction
            ---

            # \(name)

            The first \(size.layers) of \(configuration.layers) layers of `\(source.lastPathComponent)` and \(size.dimensions) of its \(configuration.dimensions) dimensions\(directions == nil ? "" : ", turned to the directions that its vectors differ most along"), cut by Kukla. Texts of up to \(configuration.maximumLength) tokens.

            """
        if let sizes { text += "\n## Sizes\n\n" + sizes.markdown() }
        return text
    }
}
