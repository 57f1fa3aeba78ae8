import KuklaFormats
import KuklaNumerics

extension StudyBench {
    /// The 10,000 test digits of MNIST as pixels (784 components, LeCun et al. 1998), and 5,000 SIFT descriptors (128, Lowe 2004).
    func pictures() throws(KuklaError) -> [(name: String, vectors: Matrix)] {
        [
            ("MNIST", try VectorFile.readAll(data("mnist/t10k-images-idx3-ubyte.gz"))),
            ("SIFT", try VectorFile.readAll(data("ann_sift5k/base.fvecs.gz"))),
        ]
    }
}
