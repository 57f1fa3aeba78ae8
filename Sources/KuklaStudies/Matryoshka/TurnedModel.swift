import Foundation
import KuklaCodecs
import KuklaNumerics
import KuklaText

/// The study's model with vectors turned to their principal components, as `kukla export --principal` writes it.
struct TurnedModel {
    let folder: URL
    private let isTemporary: Bool

    /// - Parameter vectors: of `texts`, by the model.
    init(_ bench: StudyBench, texts: [String], vectors: Matrix) throws(KuklaError) {
        var hash = TextHash()
        hash.add(bench.modelFolder.standardizedFileURL.path)
        texts.forEach { hash.add($0) }
        let name = "turned-\(String(hash.value, radix: 16))"
        isTemporary = bench.cacheFolder == nil
        folder =
            bench.cacheFolder?.appending(path: name)
            ?? FileManager.default.temporaryDirectory.appending(path: "kukla-\(name)-\(UUID())")
        if FileManager.default.fileExists(atPath: folder.appending(path: "config.json").path) { return }
        do {
            try FileManager.default.createDirectory(
                at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder of \(folder.path).", cause: error)
        }
        let directions = try PrincipalComponents(of: vectors, threads: bench.threads).directions
        try ModelExport(bench.modelFolder, directions: directions).write(to: folder)
    }

    /// Removes what is not kept between runs.
    func removeTemporary() {
        if isTemporary { try? FileManager.default.removeItem(at: folder) }
    }
}
