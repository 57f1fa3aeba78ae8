import Foundation
import KuklaFormats
import KuklaNumerics

/// The folder of one training run, locked as long as this lives.
///
/// ```
/// recipe.yaml     every setting, defaults written out
/// metrics.jsonl   a line for each logged step and each evaluation
/// loss.svg        the same as a picture
/// checkpoints/    step-00000100/ ...: where the run can go on
/// best/           the weights of the best evaluation
/// ```
final class RunFolder {
    let url: URL
    private let lock: Int32

    var recipe: URL { url.appending(path: "recipe.yaml") }
    var metrics: URL { url.appending(path: "metrics.jsonl") }
    var chart: URL { url.appending(path: "loss.svg") }
    var checkpoints: URL { url.appending(path: "checkpoints") }
    var best: URL { url.appending(path: "best") }

    /// Makes the folder where it is not there, locks it, and removes what a killed run left unfinished.
    ///
    /// - Throws: `KuklaError` (`inputOutput` where it cannot be made or another process trains in it; `usage` where it
    ///   holds other things).
    init(_ url: URL) throws(KuklaError) {
        self.url = url
        do {
            try FileManager.default.createDirectory(
                at: url.appending(path: "checkpoints"), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the run's folder \(url.path).", cause: error)
        }
        lock = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            if lock >= 0 { close(lock) }
            throw KuklaError(
                .inputOutput,
                "Cannot train in \(url.path): another process is training there; wait for it, or use another folder."
            )
        }
        for folder in [url, checkpoints] { AtomicFolder.removeLeftovers(in: folder) }
    }

    deinit {
        // Closing alone is not enough: a child process that is just being started still holds the descriptor.
        flock(lock, LOCK_UN)
        close(lock)
    }

    /// Whether a run was begun here.
    var hasRun: Bool { FileManager.default.fileExists(atPath: recipe.path) }

    /// Takes away everything that a run wrote.
    func clear() {
        for item in [recipe, metrics, chart, best, checkpoints] {
            try? FileManager.default.removeItem(at: item)
        }
        try? FileManager.default.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    }
}
