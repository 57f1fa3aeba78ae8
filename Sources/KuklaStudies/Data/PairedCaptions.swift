import Foundation
import KuklaFormats
import KuklaNumerics

/// Captions of pictures: row i of `first` and of `second` describe the same one.
struct PairedCaptions: Sendable {
    let first: [String]
    let second: [String]
}

extension StudyBench {
    /// Multi30k: two of the five captions of each of 29,000 pictures to learn from (`train`) or 1,014 to judge by (`val`) (Elliott et
    /// al. 2016, "Multi30K: Multilingual English-German image descriptions").
    func captions(_ part: String, limit: Int) throws(KuklaError) -> PairedCaptions {
        func lines(_ number: Int) throws(KuklaError) -> [String] {
            let reader = try LineReader(data("multi30k_captions/\(part).\(number).en.gz"))
            var lines: [String] = []
            while lines.count < limit, let line = try reader.nextString() { lines.append(line) }
            return lines
        }
        let (first, second) = (try lines(1), try lines(2))
        guard first.count == second.count else {
            throw KuklaError(
                .badData,
                "Cannot pair the captions of multi30k_captions: \(first.count) and \(second.count) lines. Get the files again."
            )
        }
        return PairedCaptions(first: first, second: second)
    }
}
