import Foundation
import KuklaStudies
import KuklaTestSupport

extension SharedData {
    /// Whether the data sets and the model are here; a study's test skips where they are not.
    static func hasStudies(_ sets: String...) -> Bool { model != nil && sets.allSatisfy { has($0) } }
}

extension StudyBench {
    /// A quick run on the shared data; ask `SharedData.hasStudies` first.
    static func quick() -> StudyBench {
        StudyBench(scale: .quick, data: SharedData.url("")!, model: SharedData.model!, threads: 2)
    }
}
