import ArgumentParser
import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaText

/// `kukla info`: what a file is.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Say what a file is: shapes, dtypes, bytes, checksum state.",
        discussion: """
            Knows collections (.kukla), model folders (of aspects and of concepts, too), npy, fvecs, bvecs, ivecs, idx, safetensors \
            and JSON lines, plain or gzip. Exits with 2 where a file is damaged.

            Examples:
              kukla info notes.kukla
              kukla info model.safetensors --json
            """)

    @Argument(help: "The file or the model folder.")
    var path: String

    @OptionGroup var reporting: OutputOptions

    private struct Collection: Encodable {
        struct Section: Encodable {
            let name: String
            let bytes: Int
            let checksum: String
            let isIntact: Bool
        }

        let schemaVersion = 1
        let path: String
        let format = "kukla collection"
        let sizeBytes: Int
        let details: CollectionDetails
        let bytesPerVector: Double
        let fileBytesPerVector: Double
        let hasTexts: Bool
        let lists: IVFIndex.Balance?
        let sections: [Section]
    }

    private struct Model: Encodable {
        let schemaVersion = 1
        let path: String
        let format = "sentence-transformers model"
        let dimensions: Int
        let layers: Int
        let maximumLength: Int
        let vocabulary: Int
        let weightBytes: Int
        let sha256: String
        let digest: String
        let compatibleWith: [String]
    }

    func run() throws {
        let url = URL(fileURLWithPath: path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw KuklaError(.missingFile, "There is no file \(url.path).")
        }
        if isFolder.boolValue {
            if try !showSpaces(url) { try showModel(url) }
        } else if try MappedFile(url).withBytes({ CollectionFile.isCollection($0.prefix(16)) }) {
            try showCollection(url)
        } else {
            try show(FileSummary.inspect(url))
        }
    }

    private func showCollection(_ url: URL) throws {
        let file = try CollectionFile(url)
        let sections = file.sections.map {
            Collection.Section(
                name: $0.name, bytes: $0.length, checksum: String(format: "crc32c:%08x", $0.checksum),
                isIntact: file.isIntact($0))
        }
        let summary = Collection(
            path: path, sizeBytes: try size(url), details: file.details,
            bytesPerVector: file.index.bytesPerVector, fileBytesPerVector: file.index.fileBytesPerVector,
            hasTexts: file.hasTexts, lists: (file.index as? IVFIndex)?.balance, sections: sections)
        if reporting.json {
            try printJSON(summary)
        } else {
            let d = file.details
            print("\(path): kukla collection, \(Quantity.bytes(summary.sizeBytes))")
            print("  \(Quantity.count(d.count)) vectors of \(d.dimensions) dimensions, metric \(d.metric)")
            print(
                "  \(d.factory): \(Quantity.bytesPerVector(summary.bytesPerVector)) bytes a vector\(onDisk(summary.fileBytesPerVector))"
            )
            if let lists = summary.lists {
                print(
                    "  \(Quantity.count(lists.lists)) lists, \(lists.empty) of them empty, the largest of \(Quantity.count(lists.largest)); imbalance \(String(format: "%.2f", lists.imbalance)), at best 1"
                )
            }
            if let model = d.origin.model {
                print("  model \(model)" + (d.origin.modelLayers.map { ", \($0) layers of it" } ?? ""))
            }
            for section in sections {
                let state = section.isIntact ? "intact" : "DAMAGED"
                print(
                    "  \(section.name.padding(toLength: 16, withPad: " ", startingAt: 0))  \(Quantity.bytes(section.bytes))  \(section.checksum)  \(state)"
                )
            }
        }
        if let damaged = sections.first(where: { !$0.isIntact }) {
            throw KuklaError(
                .badData,
                "\(path) is damaged: the checksum of its section '\(damaged.name)' is not the one that it states. Build it again from the vectors."
            )
        }
    }

    private func showModel(_ url: URL) throws {
        let model = try EmbeddingModel(folder: url)
        let weights = url.appending(path: "model.safetensors")
        let identity = try ModelIdentity(folder: url)
        let summary = Model(
            path: path, dimensions: model.encoder.dimensions, layers: model.encoder.layerCount,
            maximumLength: model.encoder.maximumLength, vocabulary: model.tokenizer.vocabularySize,
            weightBytes: try size(weights), sha256: try FileDigest.sha256(of: weights),
            digest: identity.digest, compatibleWith: identity.compatibleWith)
        if reporting.json { return try printJSON(summary) }
        print(
            """
            \(path): \(summary.format)
              \(summary.layers) layers, \(summary.dimensions) dimensions, at most \(summary.maximumLength) tokens, vocabulary of \(Quantity.count(summary.vocabulary))
              model.safetensors  \(Quantity.bytes(summary.weightBytes))  sha256:\(summary.sha256)
              digest \(summary.digest) of all that decides its vectors
            """)
        for older in summary.compatibleWith { print("  compatible with \(older)") }
    }

    private func show(_ summary: FileSummary) throws {
        if reporting.json { return try printJSON(summary) }
        print(
            "\(path): \(summary.format)\(summary.isCompressed ? ", gzip" : ""), \(Quantity.bytes(summary.sizeBytes))"
        )
        for array in summary.arrays {
            let shape = array.shape.map(String.init).joined(separator: " x ")
            print(
                "  \(array.name.map { "\($0)  " } ?? "")[\(shape)] \(array.elementType)  \(Quantity.bytes(array.sizeBytes))"
            )
        }
        for (name, value) in summary.facts.sorted(by: { $0.key < $1.key }) { print("  \(name): \(value)") }
    }

    private func size(_ url: URL) throws -> Int {
        try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
    }
}

/// What is said of a vector's bytes that stay on disk, if there are any.
func onDisk(_ bytesPerVector: Double) -> String {
    bytesPerVector == 0 ? "" : " in memory and \(Quantity.bytesPerVector(bytesPerVector)) on disk"
}
