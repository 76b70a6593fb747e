"""How well a picture keeps to its layout: detections, matching, and the measures of the paper and its reproductions."""
