# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx's configuration, for scripts/docs."""

import os

# pylint: disable=invalid-name
project = "virtio_balloon"
author = "The virtio_balloon out-of-tree project"
release = os.environ.get("BALLOON_VERSION", "")
extensions = []
html_theme = "alabaster"
html_theme_options = {
    "page_width": "1240px",
    "sidebar_width": "240px",
    "body_max_width": "none",
    "description": "A Linux guest driver for the virtio memory balloon",
    "fixed_sidebar": True,
}
html_static_path = ["static"]
html_css_files = ["style.css"]
html_show_sphinx = False
highlight_language = "none"
primary_domain = "c"
c_id_attributes = ["__init", "__exit"]
